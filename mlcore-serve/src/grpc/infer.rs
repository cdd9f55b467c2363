use std::time::{Duration, Instant};

use bytes::Bytes;
use mlcore::Result;

use super::GrpcService;
use super::head::{Deadline, Head};
use super::message::{HEAD_BYTES, framed};
use super::status::{Code, Status};
use crate::endpoint::Prediction;
use crate::http::Coding;
use crate::models::exchange::{ARM, Codec, Exchange, OUTCOME_ID};
use crate::models::version_of;
use crate::trace;
use crate::v2::{Address, InferAnswer, InferLimits, InferRequest, Parameter};

/// A request for inference.
struct Written {
    message: Bytes,
    limits: InferLimits,
    /// What is left of the call's time.
    left: Option<Duration>,
    kind: Kind,
    /// How the client wants its answer packed.
    coding: Option<Coding>,
}

/// Whether a request is a call of its own, or one of a stream.
#[derive(Clone, Copy)]
enum Kind {
    Call,
    Streamed,
}

impl GrpcService {
    /// Answers one request with a message and its head.
    pub(super) async fn infer(&self, message: Bytes, head: Head, arrived: Instant) -> Result<Bytes, Status> {
        self.exchange(message, head.deadline, head.answer_coding, Kind::Call, arrived)?.answer().await
    }

    /// Answers one request of a stream: with an answer, or with why there is none, which ends no stream.
    pub(super) async fn infer_streamed(
        self,
        message: Bytes,
        deadline: Option<Deadline>,
        coding: Option<Coding>,
    ) -> Result<Bytes, Status> {
        let answered = match self.exchange(message, deadline, coding, Kind::Streamed, Instant::now()) {
            Ok(exchange) => exchange.answer().await,
            Err(error) => Err(error.into()),
        };
        let code = answered.as_ref().map_or_else(|refused| refused.code, |_| Code::Ok);
        trace::ended(&tracing::Span::current(), code.name(), code.is_failure());
        answered.or_else(|refused| framed(streamed_refusal(&refused.message), coding))
    }

    fn exchange(
        &self,
        message: Bytes,
        deadline: Option<Deadline>,
        coding: Option<Coding>,
        kind: Kind,
        arrived: Instant,
    ) -> Result<Exchange<Written>> {
        let left = deadline.map(|deadline| deadline.left()).transpose()?;
        let address = Address::read_protobuf(&message)?;
        let served = self.models().get(address.model)?;
        let version = version_of(address.version)?;
        let is_traced = self.settings().is_traced(address.model);
        let written = Written { message, limits: self.limits().request, left, kind, coding };
        Ok(Exchange::new(written, served, version, is_traced, arrived))
    }
}

impl Codec for Written {
    type Answer = Bytes;
    type Refusal = Status;

    fn json_bytes(&self) -> usize {
        // Typed contents take a fraction of the time of JSON, raw ones next to none.
        self.message.len() / 8
    }

    fn read(&self) -> Result<InferRequest, Status> {
        let mut request = InferRequest::read_protobuf(&self.message, &self.limits)?;
        if let Some(left) = self.left {
            shorten(&mut request, left);
        }
        Ok(request)
    }

    fn write(&self, mut answer: InferAnswer, prediction: &Prediction) -> Result<Bytes, Status> {
        let told = [(ARM, prediction.arm.to_string()), (OUTCOME_ID, prediction.outcome_id.to_string())];
        answer.parameters.extend(told.map(|(name, value)| (name.to_owned(), Parameter::Text(value))));
        let mut written = vec![0; self.kind.room()];
        answer.write_protobuf(&mut written)?;
        if let Kind::Streamed = self.kind {
            head_streamed(&mut written);
        }
        framed(written, self.coding)
    }
}

impl Kind {
    /// The bytes that are left free before an answer.
    const fn room(self) -> usize {
        match self {
            Self::Call => HEAD_BYTES,
            Self::Streamed => STREAM_HEAD_BYTES,
        }
    }
}

/// Gives a request the time that is left of its call, where its own parameter gives it more or says nothing.
fn shorten(request: &mut InferRequest, left: Duration) {
    let left = u64::try_from(left.as_micros()).unwrap_or(u64::MAX).max(1);
    let own = request.parameters.get(TIMEOUT);
    // What is no number is refused with all else that is wrong.
    let is_longer = own.is_none_or(|own| own.as_u64().is_some_and(|own| own == 0 || own > left));
    if is_longer {
        request.parameters.insert(TIMEOUT.to_owned(), Parameter::UInt(left));
    }
}

/// Makes an answer a `ModelStreamInferResponse`, by what its room lacks.
fn head_streamed(answer: &mut [u8]) {
    // The key, and the length in as many bytes as always.
    let mut length = answer.len().saturating_sub(STREAM_HEAD_BYTES);
    let mut field = [0; STREAM_HEAD_BYTES - HEAD_BYTES];
    for (place, byte) in field.iter_mut().enumerate() {
        *byte = match place {
            0 => 2 << 3 | 2,
            LENGTH_BYTES => length as u8 & 0x7f,
            _ => length as u8 | 0x80,
        };
        length = if place == 0 { length } else { length >> 7 };
    }
    if let Some(place) = answer.get_mut(HEAD_BYTES..STREAM_HEAD_BYTES) {
        place.copy_from_slice(&field);
    }
}

/// A `ModelStreamInferResponse` that says why there is no answer, behind the room for its head.
fn streamed_refusal(message: &str) -> Vec<u8> {
    let mut written = vec![0; HEAD_BYTES];
    written.push(1 << 3 | 2);
    prost::encoding::encode_varint(message.len() as u64, &mut written);
    written.extend_from_slice(message.as_bytes());
    written
}

const TIMEOUT: &str = "timeout";
/// The bytes of a length that is less than 4 GiB, however small it is.
const LENGTH_BYTES: usize = 5;
/// The head, and the key and the length of the answer within its message.
const STREAM_HEAD_BYTES: usize = HEAD_BYTES + 1 + LENGTH_BYTES;
