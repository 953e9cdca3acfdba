//! libpq's variables and files, which say nothing to the service.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use crate::program::Program;

/// What a client says to a PostgreSQL server that asks for a password: its first message, and the password.
fn asked_for_a_password(mut client: TcpStream) -> io::Result<(String, String)> {
    let hello = message(&mut client)?;
    client.write_all(b"R\0\0\0\x08\0\0\0\x03")?; // in clear text, please
    let mut kind = [0];
    client.read_exact(&mut kind)?;
    assert_eq!(&kind, b"p");
    Ok((hello, message(&mut client)?))
}

/// A message without its length; zero bytes shown as spaces.
fn message(client: &mut TcpStream) -> io::Result<String> {
    let mut length = [0; 4];
    client.read_exact(&mut length)?;
    let mut text = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap() - 4];
    client.read_exact(&mut text)?;
    Ok(String::from_utf8_lossy(&text).replace('\0', " "))
}

#[test]
fn user_password_and_database_are_not_taken_from_elsewhere() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || asked_for_a_password(listener.accept().unwrap().0));

    let program = Program::new();
    let passfile = program.dir().join("pgpass");
    std::fs::write(&passfile, "*:*:*:*:hunter2\n").unwrap();
    let program = program
        .with("DATABASE_URL", format!("postgres://app@{address}/app"))
        .with("DATABASE_SSL_MODE", "disable")
        .with("DATABASE_CONNECT_WAIT_SECS", "0")
        .with("PGUSER", "hunter2")
        .with("PGPASSWORD", "hunter2")
        .with("PGPASSFILE", passfile)
        .with("PGDATABASE", "hunter2")
        .with("PGAPPNAME", "hunter2")
        .with("PGSSLMODE", "verify-full");
    program.error(&["migrate", "status"]);

    let (hello, password) = server.join().unwrap().unwrap();
    assert!(hello.contains("user app "), "{hello}");
    assert!(hello.contains("database app "), "{hello}");
    assert!(!hello.contains("hunter2"), "{hello}");
    assert_eq!(password, " ", "an empty password");
}
