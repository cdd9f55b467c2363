use mlcore::name::{Arm, Version};

use crate::endpoint::release::EventKind;

/// Counts what goes wrong in one arm, and says when the count is news: the first time, and whenever it has doubled since.
///
/// A model that answers NaN does so thousands of times a second, and the events are for people.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct News {
    count: u64,
    told: u64,
}

impl News {
    pub(crate) fn add(&mut self) {
        self.count += 1;
    }

    /// The count is `total` by now.
    pub(crate) fn reach(&mut self, total: u64) {
        self.count = total;
    }

    /// The count, where it is news; it is none again until it has doubled.
    pub(crate) fn tell(&mut self) -> Option<u64> {
        (self.count > 0 && self.count >= 2 * self.told).then(|| {
            self.told = self.count;
            self.count
        })
    }
}

/// The invalid answers of one arm and version since they began to answer.
#[derive(Debug)]
pub(crate) struct InvalidAnswers {
    arm: Arm,
    version: Version,
    /// What was wrong with the last of them.
    problem: String,
    news: News,
}

/// The invalid answers of all arms. Of an arm that answers with another version the earlier one is forgotten.
#[derive(Debug, Default)]
pub(crate) struct InvalidByArm(Vec<InvalidAnswers>);

impl InvalidByArm {
    pub(crate) fn add(&mut self, arm: &Arm, version: Version, problem: impl FnOnce() -> String) {
        let known = self.0.iter().position(|known| known.arm == *arm);
        let position = known.unwrap_or_else(|| {
            let (arm, problem) = (arm.clone(), String::new());
            self.0.push(InvalidAnswers { arm, version, problem, news: News::default() });
            self.0.len() - 1
        });
        let Some(own) = self.0.get_mut(position) else { return };
        if own.version != version {
            (own.version, own.news) = (version, News::default());
        }
        own.news.add();
        own.problem = problem();
    }

    /// What is news since the last call.
    pub(crate) fn events(&mut self) -> impl Iterator<Item = EventKind> {
        self.0.iter_mut().filter_map(|own| {
            let count = own.news.tell()?;
            let (arm, version, problem) = (own.arm.clone(), own.version, own.problem.clone());
            Some(EventKind::InvalidAnswers { arm, version, count, problem })
        })
    }
}

/// The outcomes that were about something else than what was predicted.
#[derive(Debug, Default)]
pub(crate) struct RefusedOutcomes {
    /// What was wrong with the last of them.
    problem: String,
    news: News,
}

impl RefusedOutcomes {
    pub(crate) fn add(&mut self, problem: String) {
        self.news.add();
        self.problem = problem;
    }

    /// What is news since the last call.
    pub(crate) fn event(&mut self) -> Option<EventKind> {
        let count = self.news.tell()?;
        Some(EventKind::RefusedOutcomes { count, problem: self.problem.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_news_when_it_has_doubled() {
        let mut news = News::default();
        assert_eq!(news.tell(), None);
        let told: Vec<u64> = (0..100)
            .filter_map(|_| {
                news.add();
                news.tell()
            })
            .collect();
        assert_eq!(told, [1, 2, 4, 8, 16, 32, 64]);
        assert_eq!(news.tell(), None);
    }

    #[test]
    fn another_version_is_told_of_anew() {
        let (arm, mut all) = (Arm::new("canary").unwrap(), InvalidByArm::default());
        let mut told = |version: Version| {
            all.add(&arm, version, || "NaN".to_owned());
            all.events().count()
        };
        let second = Version::FIRST.next();
        assert_eq!([Version::FIRST, Version::FIRST, Version::FIRST, second].map(&mut told), [1, 1, 0, 1]);
    }
}
