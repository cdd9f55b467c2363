//! The clients of the crate beneath, by options and, where those say nothing, by the environment.

use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::multipart::MultipartStore;
use object_store::{BackoffConfig, ClientConfigKey, ObjectStore, RetryConfig};

use super::credentials::Secret;
use super::http::Connector;
use super::options::ObjectStoreOptions;
use super::place::{OPEN, ObjectStoreKind};
use crate::error::{Error, Result};

/// A store as the crate beneath has it.
#[derive(Clone)]
pub(super) struct Backend {
    objects: Arc<dyn ObjectStore>,
    parts: Arc<dyn MultipartStore>,
}

impl Backend {
    fn new<S: ObjectStore + MultipartStore>(store: S) -> Self {
        let store = Arc::new(store);
        Self { objects: Arc::<S>::clone(&store), parts: store }
    }

    pub(super) fn objects(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.objects)
    }

    pub(super) fn parts(&self) -> Arc<dyn MultipartStore> {
        Arc::clone(&self.parts)
    }
}

pub(super) fn backend(options: &ObjectStoreOptions) -> Result<Backend> {
    let connector = Connector::new(options)?;
    match options.kind() {
        ObjectStoreKind::S3 => s3(options, connector),
        ObjectStoreKind::Gcs => gcs(options, connector),
        ObjectStoreKind::Azure => azure(options, connector),
    }
}

fn s3(options: &ObjectStoreOptions, connector: Connector) -> Result<Backend> {
    let environment = AmazonS3Builder::from_env();
    let named = |key: AmazonS3ConfigKey| environment.get_config_value(&key);
    let region = options.region.clone().or_else(|| named(AmazonS3ConfigKey::Region));
    let region = region.or_else(|| named(AmazonS3ConfigKey::DefaultRegion));
    let endpoint = options.endpoint.clone().or_else(|| named(AmazonS3ConfigKey::Endpoint));
    let may_listen = named(AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp));
    let endpoint = endpoint_of(options, endpoint, may_listen.as_deref())?;
    // Explicit keys do not mix with a session token or a role of the environment.
    let mut builder = match &options.credentials.0 {
        Secret::S3 { key_id, key, token } => {
            let builder = AmazonS3Builder::new().with_access_key_id(key_id).with_secret_access_key(key);
            match token {
                Some(token) => builder.with_token(token),
                None => builder,
            }
        }
        Secret::Anonymous => AmazonS3Builder::new().with_skip_signature(true),
        _ => environment,
    };
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    let built = builder
        .with_bucket_name(&options.place().bucket)
        .with_region(region.unwrap_or_else(|| "us-east-1".to_owned()))
        .with_allow_http(true)
        .with_retry(retries(options))
        .with_http_connector(connector)
        .build();
    built.map(Backend::new).map_err(|cause| incomplete(options, &cause))
}

fn azure(options: &ObjectStoreOptions, connector: Connector) -> Result<Backend> {
    let environment = MicrosoftAzureBuilder::from_env();
    let named = |key: AzureConfigKey| environment.get_config_value(&key);
    let account = options.account.clone().or_else(|| named(AzureConfigKey::AccountName));
    let endpoint = options.endpoint.clone().or_else(|| named(AzureConfigKey::Endpoint));
    let may_listen = named(AzureConfigKey::Client(ClientConfigKey::AllowHttp));
    let endpoint = endpoint_of(options, endpoint, may_listen.as_deref())?;
    let mut builder = match &options.credentials.0 {
        Secret::AzureKey(key) => MicrosoftAzureBuilder::new().with_access_key(key),
        Secret::AzureSas(query) => {
            MicrosoftAzureBuilder::new().with_config(AzureConfigKey::SasKey, query.trim_start_matches('?'))
        }
        Secret::Anonymous => MicrosoftAzureBuilder::new().with_skip_signature(true),
        _ => environment,
    };
    if let Some(account) = account {
        builder = builder.with_account(account);
    }
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    let built = builder
        .with_container_name(&options.place().bucket)
        .with_allow_http(true)
        .with_retry(retries(options))
        .with_http_connector(connector)
        .build();
    built.map(Backend::new).map_err(|cause| incomplete(options, &cause))
}

fn gcs(options: &ObjectStoreOptions, connector: Connector) -> Result<Backend> {
    let mut builder = match &options.credentials.0 {
        Secret::GoogleServiceAccount(json) => GoogleCloudStorageBuilder::new().with_service_account_key(json),
        Secret::Anonymous => GoogleCloudStorageBuilder::new().with_skip_signature(true),
        _ => GoogleCloudStorageBuilder::from_env(),
    };
    if let Some(endpoint) = &options.endpoint {
        builder = builder.with_base_url(endpoint);
    }
    let built = builder
        .with_bucket_name(&options.place().bucket)
        .with_retry(retries(options))
        .with_http_connector(connector)
        .build();
    built.map(Backend::new).map_err(|cause| incomplete(options, &cause))
}

/// The endpoint of the options or of the environment, which is held to the same rules.
fn endpoint_of(
    options: &ObjectStoreOptions,
    endpoint: Option<String>,
    may_listen: Option<&str>,
) -> Result<Option<String>> {
    if let Some(endpoint) = &endpoint {
        let allowed = options.allow_http || may_listen == Some("true");
        options.clone().with_allow_http(allowed).check_endpoint(endpoint)?;
    }
    Ok(endpoint)
}

fn retries(options: &ObjectStoreOptions) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: options.retries,
        retry_timeout: options.retry_timeout,
    }
}

/// Options that make no client. The crate's own words may repeat a key that cannot be read: ours say what to look at.
fn incomplete(options: &ObjectStoreOptions, cause: &object_store::Error) -> Error {
    let problem = match cause {
        object_store::Error::UnknownConfigurationKey { .. } => {
            "a variable of the environment is not understood"
        }
        _ => "its options and the environment do not make a client",
    };
    let remedy = match options.kind() {
        ObjectStoreKind::S3 => "look at region, endpoint and the variables AWS_*",
        ObjectStoreKind::Gcs => {
            "look at GOOGLE_APPLICATION_CREDENTIALS, or hand over the JSON of a service account"
        }
        ObjectStoreKind::Azure => {
            "name the account and its key, or look at the variables AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY"
        }
    };
    Error::invalid_input(OPEN, options.url(), problem).remedy(remedy)
}
