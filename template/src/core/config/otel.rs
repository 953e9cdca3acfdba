use axum::http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use reqwest::Url;
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::Deserialize;
use validator::Validate;

use super::{AppEnv, Checks, Defaults, Secret, Section};

/// Traces and logs for an OpenTelemetry collector. Nothing is sent unless an endpoint or an exporter is set. The keys are those of the
/// OpenTelemetry specification.
#[derive(Clone, Debug, Deserialize, JsonSchema, Validate)]
pub struct OtelConfig {
    /// The service's name in traces and logs. Unset: that of the package.
    pub service_name: Option<String>,
    /// More about this instance, as `key=value` with commas between them, such as `service.namespace=shop`.
    pub resource_attributes: Option<String>,
    /// Where the collector is, such as `http://collector:4318`; `/v1/traces` and `/v1/logs` are added. Setting it switches on both. Unset, if
    /// an exporter is `otlp`: `http://localhost:4318`.
    pub exporter_otlp_endpoint: Option<String>,
    /// Headers for the collector, as `name=value` with commas between them.
    pub exporter_otlp_headers: Option<Secret>,
    /// How the collector is spoken to.
    pub exporter_otlp_protocol: OtlpProtocol,
    /// Whether traces are sent: `otlp` or `none`. Unset: if there is an endpoint.
    pub traces_exporter: Option<OtelExporter>,
    /// Whether logs are sent, beside those on standard output: `otlp` or `none`. Unset: if there is an endpoint.
    pub logs_exporter: Option<OtelExporter>,
    /// Which traces are recorded. With `parentbased_` a caller's decision counts, and the rest of the word where there is none.
    pub traces_sampler: TracesSampler,
    /// The part of the traces that `traceidratio` records, from 0 to 1. Unset: all.
    pub traces_sampler_arg: Option<f64>,
}

/// Where traces or logs go.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum OtelExporter {
    /// To the collector.
    Otlp,
    /// Nowhere.
    None,
}

/// How a collector is spoken to.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// Protocol buffers over HTTP.
    #[serde(rename = "http/protobuf")]
    HttpProtobuf,
}

/// Which traces are recorded.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum TracesSampler {
    /// All.
    #[serde(rename = "always_on")]
    AlwaysOn,
    /// None.
    #[serde(rename = "always_off")]
    AlwaysOff,
    /// A part of them.
    TraceIdRatio,
    /// What the caller records; all where there is no caller.
    #[serde(rename = "parentbased_always_on")]
    ParentBasedAlwaysOn,
    /// What the caller records; none where there is no caller.
    #[serde(rename = "parentbased_always_off")]
    ParentBasedAlwaysOff,
    /// What the caller records; a part where there is no caller.
    #[serde(rename = "parentbased_traceidratio")]
    ParentBasedTraceIdRatio,
}

/// Where the specification expects a collector that nobody named.
const DEFAULT_ENDPOINT: &str = "http://localhost:4318";

impl OtelConfig {
    /// The service's name in traces and logs.
    #[must_use]
    pub fn service_name(&self) -> &str {
        self.service_name
            .as_deref()
            .unwrap_or(env!("CARGO_PKG_NAME"))
    }

    /// Whether traces are sent.
    #[must_use]
    pub fn exports_traces(&self) -> bool {
        self.exports(self.traces_exporter)
    }

    /// Whether logs are sent.
    #[must_use]
    pub fn exports_logs(&self) -> bool {
        self.exports(self.logs_exporter)
    }

    fn exports(&self, exporter: Option<OtelExporter>) -> bool {
        match exporter {
            Some(exporter) => exporter == OtelExporter::Otlp,
            None => self.exporter_otlp_endpoint.is_some(),
        }
    }

    /// Where this signal, `traces` or `logs`, is sent.
    ///
    /// # Errors
    ///
    /// What is wrong with the endpoint. It is checked when the configuration is read.
    pub fn url_of(&self, signal: &str) -> Result<Url, String> {
        let base = self.exporter_otlp_endpoint.as_deref();
        let base = base.unwrap_or(DEFAULT_ENDPOINT).trim_end_matches('/');
        let url = Url::parse(&format!("{base}/v1/{signal}"));
        let url = url.map_err(|error| format!("must be a URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("must begin with http:// or https://".to_owned());
        }
        if url.password().is_some() || !url.username().is_empty() {
            return Err(
                "must not hold a password: put it into OTEL_EXPORTER_OTLP_HEADERS".to_owned(),
            );
        }
        Ok(url)
    }

    /// What goes along with every request to the collector.
    ///
    /// # Errors
    ///
    /// What is wrong with the headers, in words that don't contain them. They are checked when the configuration is read.
    pub fn headers(&self) -> Result<HeaderMap, String> {
        let text = self.exporter_otlp_headers.as_ref();
        let text = text.map_or("", |secret| secret.expose_secret());
        let mut headers = HeaderMap::new();
        for (name, value) in pairs(text)? {
            let name = HeaderName::try_from(name);
            let name = name.map_err(|_| "holds a name that no header can have".to_owned())?;
            let value = HeaderValue::try_from(value);
            let mut value =
                value.map_err(|_| "holds a value that no header can have".to_owned())?;
            value.set_sensitive(true);
            headers.append(name, value);
        }
        Ok(headers)
    }

    /// What is said about this instance beside its name.
    ///
    /// # Errors
    ///
    /// What is wrong with them. They are checked when the configuration is read.
    pub fn resource_attributes(&self) -> Result<Vec<(String, String)>, String> {
        pairs(self.resource_attributes.as_deref().unwrap_or_default())
    }
}

/// `key=value` with commas between them; in values `%2C` stands for a comma, and so on.
fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let pairs = text
        .split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (key, value) = pair
                .split_once('=')
                .ok_or("must be `key=value`, with commas between them")?;
            let value = percent_decode_str(value.trim()).decode_utf8();
            let value = value.map_err(|_| "holds a value that is no text")?;
            Ok((key.trim().to_owned(), value.into_owned()))
        })
        .collect()
}

impl Section for OtelConfig {
    fn defaults(_: AppEnv) -> Defaults {
        Defaults::new()
            .with("exporter_otlp_protocol", "http/protobuf")
            .with("traces_sampler", "parentbased_always_on")
    }

    fn check(&self, _: AppEnv, checks: &mut Checks<'_, '_>) {
        if let Err(reason) = self.url_of("traces") {
            checks.refuse("exporter_otlp_endpoint", &reason, &[]);
        }
        if let Err(reason) = self.headers() {
            checks.refuse("exporter_otlp_headers", &reason, &[]);
        }
        let part = self.traces_sampler_arg.unwrap_or(1.0);
        if !(0.0..=1.0).contains(&part) {
            checks.refuse("traces_sampler_arg", "must be a number from 0 to 1", &[]);
        }
        if let Err(reason) = self.resource_attributes() {
            checks.refuse("resource_attributes", &reason, &[]);
        }
    }
}

super::register_section! { "OTEL_": OtelConfig }
