//! Semantic versions as flagd reads them: a leading `v` or `V`, and a version without its minor or patch number, are taken.

use std::cmp::Ordering;

/// A version of semver.org 2.0.0, borrowed from its text. Numbers may have any length.
#[derive(Clone, Copy, Debug)]
pub(super) struct SemVer<'a> {
    pub(super) major: &'a str,
    pub(super) minor: &'a str,
    patch: &'a str,
    /// Without its hyphen; empty for a release.
    pre_release: &'a str,
}

impl<'a> SemVer<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let (rest, build) = text.split_once('+').map_or((text, None), |(rest, build)| (rest, Some(build)));
        let (numbers, pre_release) =
            rest.split_once('-').map_or((rest, None), |(numbers, pre)| (numbers, Some(pre)));
        let mut parts = numbers.split('.');
        let (major, minor, patch) = (parts.next()?, parts.next(), parts.next());
        // Only a whole version has more than its numbers, as in Go's semver package.
        let bare = build.is_none() && pre_release.is_none();
        let whole = patch.is_some() || bare;
        let own = Self {
            major,
            minor: minor.unwrap_or("0"),
            patch: patch.unwrap_or("0"),
            pre_release: pre_release.unwrap_or(""),
        };
        let numbers = [own.major, own.minor, own.patch].into_iter().all(is_number);
        let pre_release = pre_release.is_none_or(|pre| pre.split('.').all(is_pre_release));
        let build = build.is_none_or(|build| build.split('.').all(is_identifier));
        (whole && parts.next().is_none() && numbers && pre_release && build).then_some(own)
    }

    /// By precedence: a pre-release comes before its release, and what was built of it does not count.
    pub(super) fn compare(self, other: Self) -> Ordering {
        by_number(self.major, other.major)
            .then_with(|| by_number(self.minor, other.minor))
            .then_with(|| by_number(self.patch, other.patch))
            .then_with(|| match (self.pre_release.is_empty(), other.pre_release.is_empty()) {
                (false, false) => by_identifiers(self.pre_release, other.pre_release),
                (own, other) => own.cmp(&other),
            })
    }
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Digits without a leading zero.
fn is_number(text: &str) -> bool {
    is_digits(text) && (text == "0" || !text.starts_with('0'))
}

fn is_pre_release(text: &str) -> bool {
    is_identifier(text) && (!is_digits(text) || is_number(text))
}

/// Without leading zeros, the longer number is the greater one.
fn by_number(one: &str, other: &str) -> Ordering {
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

fn by_identifiers(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        let ordering = match (one.next(), other.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(one), Some(other)) => match (is_digits(one), is_digits(other)) {
                (true, true) => by_number(one, other),
                (false, false) => one.cmp(other),
                // A number comes before a word.
                (one, other) => other.cmp(&one),
            },
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order that semver.org 2.0.0 gives in its point 11, and more.
    #[test]
    fn versions_are_in_the_order_of_the_specification() {
        let ascending = [
            "0.0.1",
            "0.0.2",
            "v1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1",
            "1.2",
            "1.10.0",
            "2.0.0",
            "99999999999999999999999.0.0",
        ];
        for (place, one) in ascending.iter().enumerate() {
            for (other_place, other) in ascending.iter().enumerate() {
                let ordering = SemVer::parse(one).unwrap().compare(SemVer::parse(other).unwrap());
                assert_eq!(ordering, place.cmp(&other_place), "{one} {other}");
            }
        }
        let equal = |one, other| SemVer::parse(one).unwrap().compare(SemVer::parse(other).unwrap()).is_eq();
        assert!(equal("V1.0.0+build.1", "1") && equal("1.2", "1.2.0") && equal("v0", "0.0.0"));
    }

    #[test]
    fn what_is_no_version_is_none() {
        for text in [
            "",
            "v",
            "vv1.0.0",
            "1.",
            "1..0",
            "01.0.0",
            "1.0.0.0",
            "2.0.0.0",
            "not-a-version",
            "1.0.0-",
            "1.0.0-01",
            "1.0.0-a..b",
            "1.0.0+",
            "1.0.0+a_b",
            "1.2-alpha",
            "1+build",
            "-1",
            "1.0.x",
            " 1.0.0",
            "1e21",
            "\u{661}.0.0",
        ] {
            assert!(SemVer::parse(text).is_none(), "{text}");
        }
    }
}
