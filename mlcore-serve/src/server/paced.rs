use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use memchr::memmem;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::{HEAD_BYTES, ServerOptions};

/// Where a connection is between two requests.
#[derive(Debug, Default)]
pub(super) struct Pace {
    at: AtomicU8,
    /// Whether the head that arrived last says twice how long its body is.
    is_told_twice: AtomicBool,
}

impl Pace {
    const IDLE: u8 = 0;
    /// The head of a request is arriving.
    const HEAD: u8 = 1;
    /// A request is being answered.
    const ANSWERING: u8 = 2;
    /// Of HTTP/2, whose pings tell whether anybody is there.
    const MULTIPLEXED: u8 = 3;

    /// A request has arrived; answers whether its head says twice how long its body is.
    pub(super) fn begin(&self) -> bool {
        self.change(Self::ANSWERING);
        self.is_told_twice.swap(false, Ordering::Relaxed)
    }

    /// Its answer is ready.
    pub(super) fn end(&self) {
        self.change(Self::IDLE);
    }

    /// Whether it carries several requests at once.
    pub(super) fn is_multiplexed(&self) -> bool {
        self.at() == Self::MULTIPLEXED
    }

    fn change(&self, to: u8) {
        // Each connection is driven by one task.
        if self.at() != Self::MULTIPLEXED {
            self.at.store(to, Ordering::Relaxed);
        }
    }

    fn at(&self) -> u8 {
        self.at.load(Ordering::Relaxed)
    }
}

/// A connection that is given up when its client is too slow.
pub(super) struct Paced<I> {
    io: I,
    pace: Arc<Pace>,
    head_timeout: Duration,
    idle_timeout: Duration,
    write_timeout: Duration,
    /// For what is read: it goes off when that is due, or before.
    reading: Pin<Box<Sleep>>,
    due: Instant,
    /// The phase that is due then.
    set_for: Option<u8>,
    writing: Option<Pin<Box<Sleep>>>,
    has_read: bool,
    /// The head that is arriving.
    head: Vec<u8>,
}

impl<I> Paced<I> {
    pub(super) fn new(io: I, pace: Arc<Pace>, options: &ServerOptions) -> Self {
        let ServerOptions { head_timeout, idle_timeout, write_timeout, .. } = *options;
        let due = Instant::now() + idle_timeout;
        Self {
            io,
            pace,
            head_timeout,
            idle_timeout,
            write_timeout,
            reading: Box::pin(sleep_until(due)),
            due,
            set_for: None,
            writing: None,
            has_read: false,
            head: Vec::new(),
        }
    }

    /// Looks whether the head, once it is whole, says twice how long the body is. The parser above takes one of them and forgets the
    /// other, which somebody before this server may have believed.
    fn look_at_head(&mut self, new: usize, buffer: &ReadBuf<'_>) {
        let filled = buffer.filled();
        self.head.extend_from_slice(filled.get(filled.len() - new..).unwrap_or_default());
        // What is longer is refused by the parser.
        self.head.truncate(HEAD_BYTES);
        let searched = self.head.len().saturating_sub(new + 3);
        let rest = self.head.get(searched..).unwrap_or_default();
        let Some(end) = memmem::find(rest, b"\r\n\r\n") else { return };
        let head = self.head.get(..searched + end).unwrap_or_default();
        let is_told_twice = has_field(head, b"transfer-encoding") && has_field(head, b"content-length");
        self.pace.is_told_twice.store(is_told_twice, Ordering::Relaxed);
    }

    /// Whether the client has let its time pass.
    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        let at = self.pace.at();
        let timeout = match at {
            Pace::IDLE => self.idle_timeout,
            Pace::HEAD => self.head_timeout,
            _ => {
                self.set_for = None;
                return false;
            }
        };
        if self.set_for != Some(at) {
            self.set_for = Some(at);
            self.due = Instant::now() + timeout;
        }
        // A timer that would go off too early is set anew when it has: between two requests nobody has to.
        if self.due < self.reading.deadline() {
            self.reading.as_mut().reset(self.due);
        }
        while self.reading.as_mut().poll(context).is_ready() {
            if Instant::now() >= self.due {
                return true;
            }
            self.reading.as_mut().reset(self.due);
        }
        false
    }

    /// The same of a client that takes nothing of its answer.
    fn written<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.writing = None;
            return written;
        }
        let timeout = self.write_timeout;
        let writing = self.writing.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + timeout)));
        ready!(writing.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing of its answer")))
    }
}

/// Whether a line of a head is the field of this name.
fn has_field(head: &[u8], name: &[u8]) -> bool {
    let is_named = |line: &[u8]| {
        let own = line.trim_ascii_start().split_at_checked(name.len());
        own.is_some_and(|(own, rest)| {
            own.eq_ignore_ascii_case(name) && rest.trim_ascii_start().starts_with(b":")
        })
    };
    memchr::memchr_iter(b'\n', head).filter_map(|end| head.get(end + 1..)).any(is_named)
}

impl<I: AsyncRead + Unpin> AsyncRead for Paced<I> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let own = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut own.io).poll_read(context, buffer);
        if read.is_ready() {
            let new = buffer.filled().get(before..).unwrap_or_default();
            if !own.has_read && new.starts_with(b"PRI") {
                own.pace.at.store(Pace::MULTIPLEXED, Ordering::Relaxed);
            }
            own.has_read |= !new.is_empty();
            if !new.is_empty() && own.pace.at() == Pace::IDLE {
                own.pace.change(Pace::HEAD);
                own.head.clear();
            }
            if own.pace.at() == Pace::HEAD {
                own.look_at_head(new.len(), buffer);
            }
            return read;
        }
        if own.is_late(context) {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client sends no request")));
        }
        Poll::Pending
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Paced<I> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let own = self.get_mut();
        let written = Pin::new(&mut own.io).poll_write(context, bytes);
        own.written(context, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let own = self.get_mut();
        let written = Pin::new(&mut own.io).poll_write_vectored(context, bytes);
        own.written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let own = self.get_mut();
        let flushed = Pin::new(&mut own.io).poll_flush(context);
        own.written(context, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(context)
    }
}
