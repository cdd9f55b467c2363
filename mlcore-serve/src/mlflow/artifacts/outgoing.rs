//! A file as the body of an answer: read in pieces, on threads that may wait, while it is sent.

use std::future::Future;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;

use super::ArtifactFile;

/// The bytes of a file that are left to be sent.
pub(crate) struct Outgoing {
    left: u64,
    state: State,
}

enum State {
    Idle(Box<dyn Read + Send>),
    Reading(JoinHandle<io::Result<(Box<dyn Read + Send>, Bytes)>>),
    Ended,
}

impl Outgoing {
    /// So many bytes of a file, from where it was opened.
    pub(crate) fn new(file: ArtifactFile, bytes: u64) -> Self {
        Self { left: bytes, state: State::Idle(file.content) }
    }
}

/// Reads the next piece.
fn read(mut content: Box<dyn Read + Send>, left: u64) -> io::Result<(Box<dyn Read + Send>, Bytes)> {
    let most = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE_BYTES);
    let mut piece = Vec::with_capacity(most);
    content.by_ref().take(most as u64).read_to_end(&mut piece)?;
    Ok((content, piece.into()))
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let own = self.get_mut();
        loop {
            match std::mem::replace(&mut own.state, State::Ended) {
                State::Idle(_) | State::Ended if own.left == 0 => return Poll::Ready(None),
                State::Ended => return Poll::Ready(None),
                State::Idle(content) => {
                    let left = own.left;
                    own.state = State::Reading(tokio::task::spawn_blocking(move || read(content, left)));
                }
                State::Reading(mut reading) => match Pin::new(&mut reading).poll(context) {
                    Poll::Pending => {
                        own.state = State::Reading(reading);
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok(Ok((content, piece)))) => {
                        own.left = own.left.saturating_sub(piece.len() as u64);
                        if piece.is_empty() && own.left > 0 {
                            let cause = "the file became shorter while it was sent";
                            return Poll::Ready(Some(Err(cause.into())));
                        }
                        own.state = State::Idle(content);
                        return Poll::Ready(Some(Ok(Frame::data(piece))));
                    }
                    Poll::Ready(Ok(Err(cause))) => return Poll::Ready(Some(Err(cause.into()))),
                    Poll::Ready(Err(cause)) => return Poll::Ready(Some(Err(cause.into()))),
                },
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// So much of a file is in memory at once.
const PIECE_BYTES: usize = 256 << 10;
