//! OTLP over gRPC, into the recorder.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use prost::Message;
use serde_json::json;
use tokio::{net::TcpListener, sync::mpsc::UnboundedReceiver};
use tonic::{
    Code, Request, Status,
    body::Body,
    client::Grpc,
    codegen::{Service, http},
    transport::{Channel, Endpoint, Server, server::TcpIncoming},
};
use tonic_prost::ProstCodec;
use weir_model::observation::Rows;

use super::{http::gzip, log_request, request};
use crate::{
    otlp::{
        LogsService, MetricsService, Receiver,
        limits::Limits,
        wire::{
            logs::LogsRequest,
            metrics::MetricsRequest,
            response::{ExportResponse, RetryInfo, RpcStatus},
        },
    },
    sink::{
        Sink, SinkError,
        recorder::{Recorder, render},
    },
};

const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

struct Served {
    channel: Channel,
    sink: Arc<Recorder>,
    batches: UnboundedReceiver<Vec<Rows>>,
}

async fn serve_with(limits: Limits) -> Served {
    let (sink, batches) = Recorder::new();
    let sink = Arc::new(sink);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let receiver = Receiver::with_limits(Arc::clone(&sink) as Arc<dyn Sink>, Arc::default(), limits);
    let server = Server::builder().add_service(MetricsService(receiver.clone())).add_service(LogsService(receiver));
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    let channel = Endpoint::from_shared(url).unwrap().connect().await.unwrap();
    Served { channel, sink, batches }
}

async fn serve() -> Served {
    serve_with(Limits::default()).await
}

impl Served {
    /// Calls as generated clients do.
    async fn call<M: Message + Default + 'static>(
        &self,
        path: &'static str,
        message: M,
    ) -> Result<ExportResponse, Status> {
        let mut client = Grpc::new(self.channel.clone());
        client.ready().await.unwrap();
        let codec = ProstCodec::<M, ExportResponse>::default();
        let path = http::uri::PathAndQuery::from_static(path);
        client.unary(Request::new(message), path, codec).await.map(tonic::Response::into_inner)
    }

    /// Posts bytes; the status in trailers or headers.
    async fn post(&mut self, path: &str, encoding: Option<&str>, bytes: Vec<u8>) -> Option<Status> {
        let mut request = http::Request::post(path).header("content-type", "application/grpc").header("te", "trailers");
        if let Some(encoding) = encoding {
            request = request.header("grpc-encoding", encoding);
        }
        let body = Body::new(Full::new(Bytes::from(bytes)));
        std::future::poll_fn(|context| self.channel.poll_ready(context)).await.unwrap();
        let answer = self.channel.call(request.body(body).unwrap()).await.unwrap();
        let in_headers = Status::from_header_map(answer.headers());
        let trailers = answer.into_body().collect().await.unwrap().trailers().cloned();
        in_headers.or_else(|| Status::from_header_map(&trailers?))
    }
}

fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    [&[flag][..], &(message.len() as u32).to_be_bytes(), message].concat()
}

fn one_gauge() -> MetricsRequest {
    let points = json!([{"timeUnixNano": "1000000000", "asDouble": 1}]);
    serde_json::from_value(request(&json!([{"name": "m", "gauge": {"dataPoints": points}}]))).unwrap()
}

#[tokio::test]
async fn metrics_and_logs_are_written_before_the_answer() {
    let mut served = serve().await;
    assert_eq!(served.call(METRICS, one_gauge()).await.unwrap(), ExportResponse::default());
    let written = render(served.batches.try_recv().unwrap());
    assert_eq!(written, "metrics.m{otel_scope_name=\"cart\",service.name=\"shop\"} value=1 @1\n");

    let records =
        json!([{"timeUnixNano": "1000000000", "body": {"stringValue": "x"}}, {"timeUnixNano": "18446744073709551615"}]);
    let request: LogsRequest = serde_json::from_value(log_request(&records)).unwrap();
    let partial = served.call(LOGS, request).await.unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected, 1);
    assert_eq!(partial.error_message, "metrics.logs: 1 more than 1 h ahead of this server's clock");
    assert_eq!(served.batches.try_recv().unwrap()[0].len(), 1);
}

#[tokio::test]
async fn compressed_messages_are_read() {
    let mut served = serve().await;
    let message = one_gauge().encode_to_vec();
    let status = served.post(METRICS, Some("gzip"), framed(1, &gzip(&message))).await.unwrap();
    assert_eq!(status.code(), Code::Ok, "{status}");
    assert!(served.batches.try_recv().is_ok());
    let status = served.post(METRICS, Some("gzip"), framed(0, &message)).await.unwrap();
    assert_eq!(status.code(), Code::Ok, "each message may be compressed, or not");
    let status = served.post(METRICS, Some("zstd"), framed(1, &message)).await.unwrap();
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(status.message().contains("gzip"), "{status}");
}

#[tokio::test]
async fn what_is_no_call_is_refused_for_good() {
    let mut served = serve_with(Limits { body_bytes: 1_000, ..Limits::default() }).await;
    let message = one_gauge().encode_to_vec();
    for (path, encoding, bytes, code) in [
        (METRICS, None, vec![], Code::InvalidArgument),
        (METRICS, None, framed(0, &message)[..20].to_vec(), Code::InvalidArgument),
        (METRICS, None, framed(1, &message), Code::InvalidArgument),
        (METRICS, None, framed(0, &[0x0a, 0x7f]), Code::InvalidArgument),
        (METRICS, Some("gzip"), framed(1, b"no gzip"), Code::InvalidArgument),
        (METRICS, None, framed(0, &[0; 1_001]), Code::ResourceExhausted),
        ("/opentelemetry.proto.collector.metrics.v1.MetricsService/Import", None, vec![], Code::Unimplemented),
    ] {
        let status = served.post(path, encoding, bytes).await.unwrap();
        assert_eq!(status.code(), code, "{status}");
    }
    assert!(served.batches.try_recv().is_err(), "nothing of them was written");
}

#[tokio::test]
async fn what_may_succeed_later_says_when() {
    let served = serve().await;
    served.sink.answer(Err(SinkError::Overloaded { retry_after: Duration::from_millis(2_500) }));
    let status = served.call(METRICS, one_gauge()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let details = RpcStatus::decode(BytesMut::from(status.details())).unwrap();
    assert_eq!(details.details[0].type_url, "type.googleapis.com/google.rpc.RetryInfo");
    let delay = RetryInfo::decode(details.details[0].value.clone()).unwrap().retry_delay.unwrap();
    assert_eq!((delay.seconds, delay.nanos), (2, 500_000_000));
}
