//! Reaching anybody over any kind of socket.

use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
use std::time::Duration;

use super::{Target, attempt, outcome};

pub(super) fn tcp(target: &Target) {
    let port: u16 = target.number("tcp");
    let patience = Duration::from_secs(5);
    for address in [
        (Ipv4Addr::LOCALHOST, port).into(),
        (Ipv6Addr::LOCALHOST, port).into(),
        (Ipv4Addr::LOCALHOST.to_ipv6_mapped(), port).into(),
    ] {
        attempt(address, TcpStream::connect_timeout(&address, patience));
    }
    // Data that is sent along with the first packet.
    let payload = c"x";
    // SAFETY: the address is a valid one of the given size.
    unsafe {
        let fd = libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0);
        let to = libc::sockaddr_in {
            sin_family: libc::AF_INET as u16,
            sin_port: port.to_be(),
            sin_addr: libc::in_addr {
                s_addr: u32::from(Ipv4Addr::LOCALHOST).to_be(),
            },
            sin_zero: [0; 8],
        };
        let sent = libc::sendto(
            fd,
            payload.as_ptr().cast(),
            1,
            libc::MSG_FASTOPEN,
            (&raw const to).cast(),
            size_of_val(&to) as u32,
        );
        attempt("a fast open", outcome(sent as i64));
    }
}

/// A name server is asked the same way. Whether it arrived, the scene shows.
pub(super) fn udp(target: &Target) {
    let port: u16 = target.number("udp");
    let send = || -> std::io::Result<usize> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.send_to(b"x", (Ipv4Addr::LOCALHOST, port))
    };
    attempt("a datagram", send());
    println!(
        "tried a name: {:?}",
        ("example.org", 80).to_socket_addrs().err()
    );
}

pub(super) fn abstract_socket(target: &Target) {
    let name = target.text("abstract");
    let connect = || UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?);
    attempt("the abstract socket", connect());
}

pub(super) fn unix_path(target: &Target) {
    let stream = target.place("outside/stream.sock");
    attempt(stream.display(), UnixStream::connect(&stream));
    let datagram = target.place("outside/datagram.sock");
    let send = || UnixDatagram::unbound()?.send_to(b"x", &datagram);
    attempt(datagram.display(), send());
    let by_pair = || {
        let (one, _other) = UnixDatagram::pair()?;
        one.send_to(b"x", &datagram)
    };
    attempt("the same by one of a pair", by_pair());
    let harmless = || {
        let (mut one, _other) = UnixStream::pair()?;
        one.write(b"x")
    };
    println!("tried a connected pair: {:?}", harmless());
}

/// Sockets to the machine's host, which no network namespace holds back.
pub(super) fn vsock() {
    for (name, family, kind) in [
        ("vsock", libc::AF_VSOCK, libc::SOCK_STREAM),
        ("packet", libc::AF_PACKET, libc::SOCK_RAW),
        ("crypto", libc::AF_ALG, libc::SOCK_SEQPACKET),
        ("netlink", libc::AF_NETLINK, libc::SOCK_RAW),
    ] {
        // SAFETY: plain numbers.
        let made = unsafe { libc::socket(family, kind, 0) };
        attempt(format!("a {name} socket"), outcome(i64::from(made)));
    }
}
