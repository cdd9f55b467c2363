//! One connection that is kept: the least that HTTP takes.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::Result;

/// A connection to a server.
pub(super) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub(super) fn connect(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Asks by GET; the answer must be 200.
    pub(super) fn get(&mut self, path: &str) -> Result<Value> {
        self.ask("GET", path, "")
    }

    /// Sends JSON; the answer must be 200.
    pub(super) fn post(&mut self, path: &str, body: &str) -> Result<Value> {
        self.ask("POST", path, body)
    }

    fn ask(&mut self, method: &str, path: &str, body: &str) -> Result<Value> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes())?;
        let head = loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break String::from_utf8(self.buffer.drain(..end + 4).collect())?;
            }
            self.read()?;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
        });
        let length = length.ok_or("an answer does not say its length")??;
        while self.buffer.len() < length {
            self.read()?;
        }
        let body: Vec<u8> = self.buffer.drain(..length).collect();
        if !head.starts_with("HTTP/1.1 200") {
            return Err(format!("{method} {path}: {head}{}", String::from_utf8_lossy(&body)).into());
        }
        Ok(serde_json::from_slice(&body)?)
    }

    fn read(&mut self) -> Result<()> {
        let mut piece = [0; 64 << 10];
        let count = self.stream.read(&mut piece)?;
        if count == 0 {
            return Err("the server closed the connection".into());
        }
        self.buffer.extend_from_slice(piece.get(..count).unwrap_or_default());
        Ok(())
    }
}
