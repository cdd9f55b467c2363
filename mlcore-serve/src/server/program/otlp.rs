//! How do spans get to a collector? In batches, by a thread of the SDK that nobody waits for.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use mlcore::{Error, Result};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{Context, Key, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, Sampler, SdkTracerProvider, Span, SpanData, SpanExporter, SpanProcessor,
};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

use super::spans::{Begun, SpanOptions};
use crate::trust::tls;

/// Sends the spans of requests to a collector.
pub(super) struct Export {
    provider: SdkTracerProvider,
    tally: Arc<Tally>,
    begun: Begun,
}

impl Export {
    /// Begins to; whether the collector is there shows later.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for settings that cannot be.
    pub(super) fn open(options: &SpanOptions) -> Result<Self> {
        let tally = Arc::new(Tally::new(options));
        let client = Client::open(options, tally.clone())?;
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(&options.url)
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(options.timeout)
            .build()
            .map_err(|cause| Error::invalid_input(OPEN, options.url.as_str(), cause.to_string()))?;
        let batches = BatchSpanProcessor::builder(Counted { inner: exporter, tally: tally.clone() }).build();
        let mut builder = SdkTracerProvider::builder()
            .with_resource(resource())
            .with_span_processor(Counted { inner: batches, tally: tally.clone() });
        if options.begun == Begun::Nothing {
            builder = builder.with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOff)));
        }
        Ok(Self { provider: builder.build(), tally, begun: options.begun })
    }

    /// What tells it of the spans of requests, and of no others.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        // Requests outside of a recorded trace have spans of the level DEBUG, which cost nothing where nobody listens.
        let level = match self.begun {
            Begun::Nothing | Begun::NothingAsNamed => LevelFilter::INFO,
            Begun::AsNamed => LevelFilter::DEBUG,
        };
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer(env!("CARGO_PKG_NAME")))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            // Nobody in this program asks for the current context.
            .with_context_activation(false)
            .with_filter(Targets::new().with_target("mlcore_serve::request", level))
    }

    /// Sends what there is, as far as that takes no longer than a moment.
    pub(super) fn flush(self) {
        // Why it failed is told with what is lost.
        let _ = self.provider.shutdown_with_timeout(FLUSH_TIMEOUT);
        let lost = self.tally.missing();
        if lost > 0 {
            let reason = self.tally.reason();
            tracing::warn!(lost, url = self.tally.url, reason, "spans were not exported");
        }
    }
}

/// Who sends spans: by the environment, or this program.
fn resource() -> Resource {
    let of_environment = Resource::builder().build();
    let name = of_environment.get(&Key::from_static_str("service.name")).map(|name| name.to_string());
    let mut builder = Resource::builder();
    if name.is_none_or(|name| name.starts_with("unknown_service")) {
        builder = builder.with_service_name(env!("CARGO_PKG_NAME"));
    }
    if of_environment.get(&Key::from_static_str("service.version")).is_none() {
        builder = builder.with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    }
    builder.build()
}

/// Counts what becomes of spans, and tells of those that are lost, once in a while.
struct Tally {
    url: String,
    /// The most spans that wait.
    queue: u64,
    ended: AtomicU64,
    taken: AtomicU64,
    delivered: AtomicU64,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    /// When it was told last, and how many were lost until then.
    last: Option<Instant>,
    lost: u64,
    /// Why the last request to the collector failed.
    reason: Option<String>,
}

impl Tally {
    fn new(options: &SpanOptions) -> Self {
        let (ended, taken, delivered) = Default::default();
        Self {
            url: options.url.clone(),
            queue: options.queue,
            ended,
            taken,
            delivered,
            told: Mutex::default(),
        }
    }

    /// Spans that ended and did not arrive.
    fn missing(&self) -> u64 {
        let delivered = self.delivered.load(Ordering::Relaxed);
        self.ended.load(Ordering::Relaxed).saturating_sub(delivered)
    }

    fn reason(&self) -> String {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.reason.clone().unwrap_or_else(|| "there was no time".to_owned())
    }

    fn failed(&self, reason: String) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).reason = Some(reason);
    }

    /// Tells of spans that are lost for certain: those that were sent in vain, and those that no longer fit into the queue.
    fn tell(&self) {
        let (ended, taken) = (self.ended.load(Ordering::Relaxed), self.taken.load(Ordering::Relaxed));
        let overflowed = ended.saturating_sub(taken).saturating_sub(self.queue);
        let lost = taken.saturating_sub(self.delivered.load(Ordering::Relaxed)) + overflowed;
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if lost <= told.lost || told.last.is_some_and(|last| last.elapsed() < TELL_INTERVAL) {
            return;
        }
        (told.last, told.lost) = (Some(Instant::now()), lost);
        let reason = told.reason.clone().unwrap_or_else(|| "more of them end than are taken".to_owned());
        drop(told);
        tracing::warn!(lost, url = self.url, reason, "spans were not exported");
    }
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tally").field("url", &self.url).finish_non_exhaustive()
    }
}

/// A part of the SDK, whose spans are counted.
#[derive(Debug)]
struct Counted<T> {
    inner: T,
    tally: Arc<Tally>,
}

impl<P: SpanProcessor> SpanProcessor for Counted<P> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.inner.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        self.tally.ended.fetch_add(1, Ordering::Relaxed);
        self.inner.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl<E: SpanExporter> SpanExporter for Counted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len() as u64;
        self.tally.taken.fetch_add(spans, Ordering::Relaxed);
        let result = self.inner.export(batch).await;
        if result.is_ok() {
            self.tally.delivered.fetch_add(spans, Ordering::Relaxed);
        }
        self.tally.tell();
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// Posts to the collector, and holds up the thread meanwhile: the SDK has one for that.
#[derive(Debug)]
struct Client {
    agent: ureq::Agent,
    tally: Arc<Tally>,
}

impl Client {
    fn open(options: &SpanOptions, tally: Arc<Tally>) -> Result<Self> {
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(options.timeout))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("mlcore-serve/", env!("CARGO_PKG_VERSION")));
        if options.url.starts_with("https:") {
            config = config.tls_config(tls(
                options.authorities.as_deref(),
                OPEN,
                "OTEL_EXPORTER_OTLP_CERTIFICATE",
            )?);
        }
        Ok(Self { agent: config.build().new_agent(), tally })
    }

    fn send(&self, request: Request<Bytes>) -> std::result::Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let sent = self.agent.run(Request::from_parts(parts, &body[..])).and_then(|answer| {
            let (parts, mut body) = answer.into_parts();
            let body = body.with_config().limit(MOST_ANSWER_BYTES).read_to_vec()?;
            Ok(Response::from_parts(parts, Bytes::from(body)))
        });
        match &sent {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => self.tally.failed(format!("it answered the status {}", answer.status().as_u16())),
            Err(cause) => self.tally.failed(cause.to_string()),
        }
        Ok(sent?)
    }
}

// As the trait's macro writes it.
impl HttpClient for Client {
    fn send_bytes<'c, 'f>(
        &'c self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = std::result::Result<Response<Bytes>, HttpError>> + Send + 'f>>
    where
        'c: 'f,
        Self: 'f,
    {
        Box::pin(async move { self.send(request) })
    }
}

const OPEN: &str = "export spans";
/// How long a stop waits for the collector.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);
/// How often lost spans are told of.
const TELL_INTERVAL: Duration = Duration::from_secs(60);
/// Far above what a collector has to say.
const MOST_ANSWER_BYTES: u64 = 1 << 20;
