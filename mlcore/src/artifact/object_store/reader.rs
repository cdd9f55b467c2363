use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;

use super::OPEN;
use super::error::asked;
use super::runtime::Runtime;

type Pieces = BoxStream<'static, object_store::Result<Bytes>>;

/// Reads an answer piece by piece, each of which the runtime fetches while the caller waits. What was lost on the way is asked for
/// again from there, of the same object.
pub(super) struct Download {
    runtime: Arc<Runtime>,
    url: String,
    pieces: Option<Pieces>,
    piece: Bytes,
}

impl Download {
    pub(super) fn new(runtime: Arc<Runtime>, url: &str, pieces: Pieces) -> Self {
        Self { runtime, url: url.to_owned(), pieces: Some(pieces), piece: Bytes::new() }
    }

    fn next(&mut self) -> io::Result<bool> {
        let Some(mut pieces) = self.pieces.take() else { return Ok(false) };
        let url = self.url.clone();
        let work = async move {
            let piece = asked(OPEN, &url, async { pieces.next().await.transpose() }).await;
            (pieces, piece)
        };
        // A reader that was interrupted, or whose connection is lost for good, gives nothing more: its stream is gone.
        let (pieces, piece) = self.runtime.run(OPEN, &self.url, work).map_err(io::Error::other)?;
        match piece.map_err(io::Error::other)? {
            None => Ok(false),
            Some(piece) => {
                (self.pieces, self.piece) = (Some(pieces), piece);
                Ok(true)
            }
        }
    }
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            if !self.next()? {
                return Ok(0);
            }
        }
        let count = self.piece.len().min(buffer.len());
        if let Some(buffer) = buffer.get_mut(..count) {
            self.piece.copy_to_slice(buffer);
        }
        Ok(count)
    }
}
