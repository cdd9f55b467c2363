//! Messages as they lie in a body: a flag, a length, and so many bytes, packed or not.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http_body::Body;

use super::status::{Code, Status};
use crate::http::{Coding, Late, Unpacked};

/// The messages of a request's body.
pub(super) struct Messages<B> {
    /// None once it has ended.
    body: Option<Pin<Box<B>>>,
    /// What arrived and is not read yet; whole messages of one piece are not copied.
    piece: Bytes,
    /// The beginning of a message whose rest is still to come; what has arrived lies here, where it is not empty.
    partial: BytesMut,
    most: usize,
    coding: Option<Coding>,
}

impl<B> Messages<B>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Messages of at most `most` bytes, unpacked.
    pub(super) fn new(body: B, most: usize, coding: Option<Coding>) -> Self {
        Self { body: Some(Box::pin(body)), piece: Bytes::new(), partial: BytesMut::new(), most, coding }
    }

    /// The only message.
    pub(super) async fn only(mut self) -> Result<Bytes, Status> {
        let first = poll_fn(|context| self.poll_next(context)).await.transpose()?;
        let first = first.ok_or_else(|| refused("the request has no message"))?;
        // A body that has not ended would be cut off.
        match poll_fn(|context| self.poll_next(context)).await {
            None => Ok(first),
            Some(Err(status)) => Err(status),
            Some(Ok(_)) => Err(refused("the request has more than one message")),
        }
    }

    /// The next message, none where the body has ended.
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        loop {
            match self.take() {
                Ok(None) => {}
                Ok(Some(message)) => return Poll::Ready(Some(Ok(message))),
                Err(status) => {
                    self.body = None;
                    return Poll::Ready(Some(Err(status)));
                }
            }
            let Some(body) = &mut self.body else { return Poll::Ready(None) };
            if body.is_end_stream() && self.piece.is_empty() && self.partial.is_empty() {
                self.body = None;
                return Poll::Ready(None);
            }
            match ready!(body.as_mut().poll_frame(context)) {
                Some(Ok(frame)) => {
                    // Fields behind the messages say nothing here.
                    if let Ok(mut data) = frame.into_data() {
                        let data = data.copy_to_bytes(data.remaining());
                        if self.partial.is_empty() && self.piece.is_empty() {
                            self.piece = data;
                        } else {
                            self.partial.extend_from_slice(&data);
                        }
                    }
                }
                Some(Err(cause)) => {
                    self.body = None;
                    let cause: Box<dyn std::error::Error + Send + Sync> = cause.into();
                    let code = if cause.is::<Late>() { Code::DeadlineExceeded } else { Code::Cancelled };
                    return Poll::Ready(Some(Err(Status::new(
                        code,
                        format!("read request message: {cause}"),
                    ))));
                }
                None => {
                    self.body = None;
                    let is_whole = self.piece.is_empty() && self.partial.is_empty();
                    self.partial.clear();
                    self.piece.clear();
                    return Poll::Ready(match is_whole {
                        true => None,
                        false => Some(Err(refused("the body ends in the middle of a message"))),
                    });
                }
            }
        }
    }

    /// A message that has arrived whole.
    fn take(&mut self) -> Result<Option<Bytes>, Status> {
        let arrived = if self.partial.is_empty() { &self.piece[..] } else { &self.partial[..] };
        let Some((&[flag, a, b, c, d], rest)) = arrived.split_first_chunk::<HEAD_BYTES>() else {
            self.set_aside(HEAD_BYTES);
            return Ok(None);
        };
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        // Before anything is kept for it.
        if length > self.most {
            return Err(too_large(self.most));
        }
        if flag > 1 || flag == 1 && self.coding.is_none() {
            return Err(refused(
                "a message is said to be packed, and the header grpc-encoding does not say how",
            ));
        }
        if rest.len() < length {
            self.set_aside(HEAD_BYTES + length);
            return Ok(None);
        }
        let message = if self.partial.is_empty() {
            self.piece.advance(HEAD_BYTES);
            self.piece.split_to(length)
        } else {
            self.partial.advance(HEAD_BYTES);
            self.partial.split_to(length).freeze()
        };
        match self.coding.filter(|_| flag == 1) {
            None => Ok(Some(message)),
            Some(coding) => coding.unpack(&message, self.most).map(Some).map_err(|problem| {
                let code = match problem {
                    Unpacked::TooLarge(_) => Code::ResourceExhausted,
                    Unpacked::Broken(_) => Code::InvalidArgument,
                };
                Status::new(code, format!("read request message: {problem}"))
            }),
        }
    }

    /// Keeps what has arrived of a message of `bytes` bytes in all. Room is made as it arrives, and not for what is only said.
    fn set_aside(&mut self, bytes: usize) {
        if self.partial.is_empty() && !self.piece.is_empty() {
            self.partial.reserve(bytes.min(ROOM));
            self.partial.extend_from_slice(&self.piece);
            self.piece = Bytes::new();
        }
    }
}

/// A message with its flag and its length before it. `framed` has [`HEAD_BYTES`] bytes before the message.
pub(super) fn framed(mut framed: Vec<u8>, coding: Option<Coding>) -> Result<Bytes, Status> {
    let message = framed.get(HEAD_BYTES..).unwrap_or_default();
    let packed = match coding.filter(|_| message.len() >= crate::http::SMALL_ANSWER) {
        None => None,
        Some(coding) => coding.pack(vec![0; HEAD_BYTES], message).ok(),
    };
    let flag = u8::from(packed.is_some());
    if let Some(packed) = packed {
        framed = packed;
    }
    let head = head(flag, framed.len().saturating_sub(HEAD_BYTES))?;
    if let Some(place) = framed.first_chunk_mut() {
        *place = head;
    }
    Ok(framed.into())
}

/// What stands before a message of so many bytes.
fn head(flag: u8, length: usize) -> Result<[u8; HEAD_BYTES], Status> {
    let length = u32::try_from(length).map_err(|_| {
        Status::new(Code::ResourceExhausted, "write answer: a message of 4 GiB has no length in gRPC")
    })?;
    let [a, b, c, d] = length.to_be_bytes();
    Ok([flag, a, b, c, d])
}

fn too_large(most: usize) -> Status {
    let message = format!("read request message: it is larger than the {most} bytes that are taken here");
    Status::new(Code::ResourceExhausted, message)
}

fn refused(problem: &str) -> Status {
    Status::new(Code::InvalidArgument, format!("read request message: {problem}"))
}

/// The flag and the length.
pub(super) const HEAD_BYTES: usize = 5;
/// The most room that is made for a message at once.
const ROOM: usize = 64 << 10;
