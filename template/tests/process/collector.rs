//! An OpenTelemetry collector of a test's own: it keeps what it is sent.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use opentelemetry_proto::tonic::{
    collector::{logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{KeyValue, any_value::Value},
    logs::v1::LogRecord,
    trace::v1::Span,
};
use prost::Message;

/// Listens on a free port until the test ends.
pub(crate) struct Collector {
    address: String,
    received: Arc<Mutex<Received>>,
}

/// What was sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Received {
    pub(crate) spans: Vec<Span>,
    pub(crate) logs: Vec<LogRecord>,
    /// Which modules the log records come from.
    pub(crate) log_scopes: Vec<String>,
    /// What the service says of itself, once for each batch.
    pub(crate) resources: Vec<Vec<KeyValue>>,
    /// The headers of each request.
    pub(crate) headers: Vec<Vec<String>>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let received = Arc::<Mutex<Received>>::default();
        let keep = received.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let keep = keep.clone();
                thread::spawn(move || while answer(&stream, &keep).is_some() {});
            }
        });
        Self { address, received }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn received(&self) -> Received {
        self.received.lock().unwrap().clone()
    }
}

/// Takes one request; `None` once the client has hung up.
fn answer(stream: &TcpStream, keep: &Mutex<Received>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        headers.push(line.trim().to_ascii_lowercase());
    }
    let length = headers
        .iter()
        .find_map(|header| header.strip_prefix("content-length: "));
    let mut body = vec![0; length.unwrap().parse().unwrap()];
    reader.read_exact(&mut body).ok()?;

    let mut received = keep.lock().unwrap();
    if headers[0].contains("/v1/traces ") {
        let request = ExportTraceServiceRequest::decode(&*body).unwrap();
        for of_resource in request.resource_spans {
            let resource = of_resource.resource.unwrap_or_default();
            received.resources.push(resource.attributes);
            let scopes = of_resource.scope_spans.into_iter();
            received.spans.extend(scopes.flat_map(|scope| scope.spans));
        }
    } else {
        let request = ExportLogsServiceRequest::decode(&*body).unwrap();
        for of_resource in request.resource_logs {
            let resource = of_resource.resource.unwrap_or_default();
            received.resources.push(resource.attributes);
            for scope in of_resource.scope_logs {
                let name = scope.scope.unwrap_or_default().name;
                received.log_scopes.push(name);
                received.logs.extend(scope.log_records);
            }
        }
    }
    received.headers.push(headers);
    drop(received);
    let mut stream = stream;
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        .ok()
}

/// The attribute of this name, as text.
pub(crate) fn attribute(attributes: &[KeyValue], name: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == name)?;
    text(found.value.as_ref()?.value.as_ref()?)
}

/// A value as text.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        Value::DoubleValue(number) => Some(number.to_string()),
        Value::BoolValue(value) => Some(value.to_string()),
        _ => None,
    }
}

/// An id as it is written in headers and log lines.
pub(crate) fn hex(id: &[u8]) -> String {
    let mut text = String::new();
    for byte in id {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}
