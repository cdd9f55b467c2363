//! Bodies of answers.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use super::BoxError;
#[cfg(feature = "mlflow")]
use crate::mlflow::Outgoing;

/// The body of an answer: one piece, or a file that is read while it is sent.
#[derive(Default)]
pub struct AnswerBody(Kind);

enum Kind {
    Whole(Full<Bytes>),
    #[cfg(feature = "mlflow")]
    File(Outgoing),
}

impl Default for Kind {
    fn default() -> Self {
        Self::Whole(Full::default())
    }
}

#[cfg(feature = "mlflow")]
impl From<Outgoing> for AnswerBody {
    fn from(file: Outgoing) -> Self {
        Self(Kind::File(file))
    }
}

impl<T: Into<Bytes>> From<T> for AnswerBody {
    fn from(bytes: T) -> Self {
        Self(Kind::Whole(Full::new(bytes.into())))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.get_mut().0 {
            Kind::Whole(body) => {
                Pin::new(body).poll_frame(context).map(|frame| frame.map(|frame| frame.map_err(Into::into)))
            }
            #[cfg(feature = "mlflow")]
            Kind::File(file) => Pin::new(file).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(body) => body.is_end_stream(),
            #[cfg(feature = "mlflow")]
            Kind::File(file) => file.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(body) => body.size_hint(),
            #[cfg(feature = "mlflow")]
            Kind::File(file) => file.size_hint(),
        }
    }
}

impl fmt::Debug for AnswerBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerBody").field("size", &self.size_hint()).finish_non_exhaustive()
    }
}
