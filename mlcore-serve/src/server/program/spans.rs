//! Where do the spans of requests go? OpenTelemetry's variables, as its specification explains them.

use std::path::PathBuf;
use std::time::Duration;

use mlcore::{Error, Result};

/// How spans are exported.
#[cfg_attr(not(feature = "otel"), expect(dead_code, reason = "such a build exports nothing"))]
#[derive(Clone, Debug)]
pub(super) struct SpanOptions {
    /// The URL that spans are posted to.
    pub(super) url: String,
    /// The authorities that the collector's certificate may be of, in PEM; those of the system where there are none.
    pub(super) authorities: Option<PathBuf>,
    /// How long a collector may take to answer.
    pub(super) timeout: Duration,
    /// The traces that begin here.
    pub(super) begun: Begun,
    /// The most spans that wait; others are dropped.
    pub(super) queue: u64,
}

/// Which traces are recorded that no caller began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Begun {
    /// None, and of callers' traces those that they record: what counts where no sampler is named.
    Nothing,
    /// As a sampler says that is named in the environment, which records none that begin here.
    NothingAsNamed,
    /// As a sampler says that is named in the environment.
    AsNamed,
}

impl SpanOptions {
    /// What the flag or the environment says; `None` where neither names a collector.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] naming what cannot be done.
    pub(super) fn read(
        flag: Option<&str>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>> {
        // What is empty counts as not set.
        let of = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        if of("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let exporter = of(EXPORTER);
        if exporter.as_deref() == Some("none") {
            return Ok(None);
        }
        let Some((name, url)) = url(flag, exporter.is_some(), &of) else { return Ok(None) };
        // Variables may be there for all programs of a cluster; they are told of when the log is there.
        if !cfg!(feature = "otel") && flag.is_some() {
            let problem = "it asks for spans to be exported, and this build of mlcore-serve cannot";
            return Err(Error::invalid_input(READ, name, problem)
                .remedy("build it with --features server,otel, or leave the address out"));
        }
        check(name, &url)?;
        let refused = |name: &str, value: &str, problem: &str, remedy: &str| {
            let problem = format!("it is {value:?}, and {problem}");
            Err(Error::invalid_input(READ, name.to_owned(), problem).remedy(remedy.to_owned()))
        };
        if let Some(exporter) = exporter.filter(|exporter| exporter != "otlp") {
            return refused(EXPORTER, &exporter, "spans leave by otlp or by none", "set it to otlp or none");
        }
        // A variable for traces goes before that for all signals.
        let of_traces = |what: &str| {
            let names = [format!("OTEL_EXPORTER_OTLP_TRACES_{what}"), format!("OTEL_EXPORTER_OTLP_{what}")];
            names.into_iter().find_map(|name| of(&name).map(|value| (name, value)))
        };
        if let Some((name, protocol)) = of_traces("PROTOCOL").filter(|(_, protocol)| protocol != PROTOCOL) {
            let remedy =
                "set it to http/protobuf, and name the collector's port for HTTP, which is mostly 4318";
            return refused(&name, &protocol, "spans leave by http/protobuf", remedy);
        }
        let timeout = match of_traces("TIMEOUT") {
            None => DEFAULT_TIMEOUT,
            Some((name, text)) => match text.parse() {
                Ok(millis) => Duration::from_millis(millis),
                Err(_) => return refused(&name, &text, "it is a number of milliseconds", "set it to 10000"),
            },
        };
        let begun = begun(&of)?;
        let queue = of("OTEL_BSP_MAX_QUEUE_SIZE").and_then(|text| text.parse().ok()).unwrap_or(2048);
        let authorities = of_traces("CERTIFICATE").map(|(_, file)| PathBuf::from(file));
        Ok(Some(Self { url, authorities, timeout, begun, queue }))
    }
}

/// The URL for spans, and what names it.
fn url(
    flag: Option<&str>,
    is_asked_for: bool,
    of: &dyn Fn(&str) -> Option<String>,
) -> Option<(&'static str, String)> {
    let of_base = |base: &str| format!("{}/v1/traces", base.trim_end_matches('/'));
    if let Some(base) = flag {
        return Some(("otlp-endpoint", of_base(base)));
    }
    if let Some(url) = of(TRACES_ENDPOINT) {
        return Some((TRACES_ENDPOINT, url));
    }
    match of(ENDPOINT) {
        Some(base) => Some((ENDPOINT, of_base(&base))),
        None => is_asked_for.then(|| (EXPORTER, of_base("http://localhost:4318"))),
    }
}

fn check(name: &'static str, url: &str) -> Result<()> {
    let refused = |problem: &str, remedy: &str| {
        Err(Error::invalid_input(READ, name, problem.to_owned()).remedy(remedy.to_owned()))
    };
    let of_http = url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"));
    let Some((_, rest)) = of_http else {
        return refused("it is no URL of a collector", "write http://host:4318 or https://host:4318");
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return refused(
            "it holds a name and a password",
            "leave them out, and set OTEL_EXPORTER_OTLP_HEADERS to authorization=..",
        );
    }
    if authority.is_empty() || url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return refused("it is no URL of a collector", "write http://host:4318 or https://host:4318");
    }
    Ok(())
}

fn begun(of: &dyn Fn(&str) -> Option<String>) -> Result<Begun> {
    let Some(sampler) = of(SAMPLER) else { return Ok(Begun::Nothing) };
    let begun = match sampler.as_str() {
        "always_off" | "parentbased_always_off" => Begun::NothingAsNamed,
        "always_on" | "parentbased_always_on" | "traceidratio" | "parentbased_traceidratio" => Begun::AsNamed,
        _ => {
            let problem = format!("there is no sampler {sampler:?} here");
            return Err(Error::invalid_input(READ, SAMPLER, problem).remedy(
                "name one of always_on, always_off, traceidratio, and parentbased_ before each of them",
            ));
        }
    };
    // Samplers without a ratio have no use for it.
    if sampler.ends_with("traceidratio")
        && let Some(text) = of(SAMPLER_ARG)
        && !text.parse().is_ok_and(|ratio: f64| (0.0..=1.0).contains(&ratio))
    {
        let problem = format!("it is {text:?}, and it is a share of the traces");
        return Err(Error::invalid_input(READ, SAMPLER_ARG, problem).remedy("set it to a number from 0 to 1"));
    }
    Ok(begun)
}

const READ: &str = "read settings";
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const EXPORTER: &str = "OTEL_TRACES_EXPORTER";
const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const SAMPLER_ARG: &str = "OTEL_TRACES_SAMPLER_ARG";
const PROTOCOL: &str = "http/protobuf";
/// The specification's.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn read(flag: Option<&str>, variables: &[(&str, &str)]) -> Result<Option<SpanOptions>> {
        let of =
            |name: &str| variables.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).into());
        SpanOptions::read(flag, &of)
    }

    #[test]
    fn nobody_asks_for_spans() {
        for variables in [
            &[][..],
            &[(ENDPOINT, "")],
            &[(ENDPOINT, "http://c:4318"), ("OTEL_SDK_DISABLED", "true")],
            &[(ENDPOINT, "http://c:4318"), (EXPORTER, "none")],
            &[(SAMPLER, "always_on")],
        ] {
            assert!(read(None, variables).unwrap().is_none(), "{variables:?}");
        }
    }

    #[test]
    #[cfg(not(feature = "otel"))]
    fn a_build_without_the_feature_says_so() {
        for (flag, variables) in [
            (Some("http://c:4318"), &[][..]),
            (None, &[(ENDPOINT, "http://c:4318")]),
            (None, &[(TRACES_ENDPOINT, "http://c:4318/v1/traces")]),
        ] {
            let error = read(flag, variables).unwrap_err().to_string();
            assert!(error.contains("--features server,otel"), "{error}");
        }
    }

    #[test]
    #[cfg(feature = "otel")]
    fn addresses_are_those_of_the_specification() {
        let (of_all, of_traces) = ((ENDPOINT, "http://c:4318/base/"), (TRACES_ENDPOINT, "https://t/in?a=b"));
        for (flag, variables, url) in [
            (Some("http://f:4318"), &[of_all, of_traces][..], "http://f:4318/v1/traces"),
            (None, &[of_all, of_traces], "https://t/in?a=b"),
            (None, &[of_all], "http://c:4318/base/v1/traces"),
            (None, &[(EXPORTER, "otlp")], "http://localhost:4318/v1/traces"),
        ] {
            assert_eq!(read(flag, variables).unwrap().unwrap().url, url);
        }
        let options = read(
            Some("http://f:4318"),
            &[
                ("OTEL_EXPORTER_OTLP_TIMEOUT", "250"),
                ("OTEL_EXPORTER_OTLP_CERTIFICATE", "all.pem"),
                ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "traces.pem"),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
                (SAMPLER, "parentbased_traceidratio"),
                (SAMPLER_ARG, "0.25"),
            ],
        );
        let options = options.unwrap().unwrap();
        assert_eq!((options.timeout, options.begun), (Duration::from_millis(250), Begun::AsNamed));
        assert_eq!(options.authorities, Some(PathBuf::from("traces.pem")));
    }

    #[test]
    #[cfg(feature = "otel")]
    fn what_cannot_be_done_is_refused() {
        for (url, variables, problem) in [
            ("localhost:4318", &[][..], "it is no URL of a collector"),
            ("http://", &[], "it is no URL of a collector"),
            ("http://ana:secret@c:4318", &[], "OTEL_EXPORTER_OTLP_HEADERS"),
            ("http://c", &[(EXPORTER, "zipkin")], "\"zipkin\""),
            ("http://c", &[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], "http/protobuf"),
            ("http://c", &[("OTEL_EXPORTER_OTLP_TIMEOUT", "10s")], "milliseconds"),
            ("http://c", &[(SAMPLER, "xray")], "\"xray\""),
            ("http://c", &[(SAMPLER, "traceidratio"), (SAMPLER_ARG, "2")], "from 0 to 1"),
            ("http://c", &[(SAMPLER, "traceidratio"), (SAMPLER_ARG, "NaN")], "from 0 to 1"),
        ] {
            let error = read(Some(url), variables).unwrap_err().to_string();
            assert!(error.contains(problem) && !error.contains("secret"), "{error}");
        }
    }
}
