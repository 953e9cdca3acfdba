//! Timeouts nest.

use insta::assert_snapshot;

use crate::files::refused;

#[test]
fn timeouts_must_nest() {
    assert_snapshot!(refused([("DATABASE_COMMAND_TIMEOUT_SECS", "20")]), @r"
    error: DATABASE_COMMAND_TIMEOUT_SECS must be less than SERVER_REQUEST_TIMEOUT_SECS, which is 20 (default)
      --> environment
       |
       | DATABASE_COMMAND_TIMEOUT_SECS=20
       |                               ^^ Time a statement may take before the server stops it; default 5
       = otherwise the request ends first, and its statement runs on for nobody

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
    assert_snapshot!(refused([("SERVER_REQUEST_TIMEOUT_SECS", "26")]), @r"
    error: SERVER_REQUEST_TIMEOUT_SECS must not exceed SERVER_SHUTDOWN_TIMEOUT_SECS, which is 25 (default)
      --> environment
       |
       | SERVER_REQUEST_TIMEOUT_SECS=26
       |                             ^^ Time a request may take before it is answered with 504; default 20
       = otherwise a stop cuts off requests that still had time

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
    assert_snapshot!(refused([("SERVER_SHUTDOWN_TIMEOUT_SECS", "19")]), @r"
    error: SERVER_SHUTDOWN_TIMEOUT_SECS must be at least SERVER_REQUEST_TIMEOUT_SECS, which is 20 (default)
      --> environment
       |
       | SERVER_SHUTDOWN_TIMEOUT_SECS=19
       |                              ^^ Time that running requests get to end after the drain, and the database to be closed; what is left is cut off; default 25
       = otherwise a stop cuts off requests that still had time

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
}

#[test]
fn the_wait_for_a_connection_ends_before_the_request() {
    assert_snapshot!(refused([("DATABASE_POOL_TIMEOUT_SECS", "20")]), @r"
    error: DATABASE_POOL_TIMEOUT_SECS must be less than SERVER_REQUEST_TIMEOUT_SECS, which is 20 (default)
      --> environment
       |
       | DATABASE_POOL_TIMEOUT_SECS=20
       |                            ^^ Time a request waits for a free connection before it is answered with 503; default 5
       = otherwise the request ends first, with 504, where 503 would say that no connection was free

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
}

#[test]
fn a_stream_stalls_before_its_connection_does() {
    assert_snapshot!(refused([("STREAM_STALL_SECS", "30")]), @r"
    error: STREAM_STALL_SECS must be less than SERVER_WRITE_STALL_SECS, which is 30 (default)
      --> environment
       |
       | STREAM_STALL_SECS=30
       |                   ^^ Time for which a client may stop reading before its stream is cut off; default 20
       = otherwise the connection is cut first, and nothing says that it was a stream

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
}

#[cfg(feature = "http-client")]
#[test]
fn an_outbound_request_and_the_wait_for_its_place_fit_into_the_request() {
    use app::core::config::Config;

    assert_snapshot!(refused([("HTTP_CLIENT_REQUEST_TIMEOUT_SECS", "16")]), @r"
    error: HTTP_CLIENT_REQUEST_TIMEOUT_SECS and HTTP_CLIENT_POOL_TIMEOUT_SECS, which is 5 (default), together must not exceed SERVER_REQUEST_TIMEOUT_SECS, which is 20 (default)
      --> environment
       |
       | HTTP_CLIENT_REQUEST_TIMEOUT_SECS=16
       |                                  ^^ Time a whole request may take, with all attempts and the pauses between them, from the first byte sent to the last received; default 15
       = otherwise the request ends first, and nobody learns that the other service was slow

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
    assert_snapshot!(refused([("HTTP_CLIENT_POOL_TIMEOUT_SECS", "6")]), @r"
    error: HTTP_CLIENT_POOL_TIMEOUT_SECS and HTTP_CLIENT_REQUEST_TIMEOUT_SECS, which is 15 (default), together must not exceed SERVER_REQUEST_TIMEOUT_SECS, which is 20 (default)
      --> environment
       |
       | HTTP_CLIENT_POOL_TIMEOUT_SECS=6
       |                               ^ Time to wait for a free place among `HTTP_CLIENT_MAX_CONNECTIONS`; default 5
       = otherwise the request ends first, and nobody learns that the other service was slow

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
    let fits = [
        ("HTTP_CLIENT_REQUEST_TIMEOUT_SECS", "5"),
        ("HTTP_CLIENT_POOL_TIMEOUT_SECS", "15"),
    ];
    let _ = Config::for_tests(fits);
}

#[cfg(feature = "http-client")]
#[test]
fn all_that_is_too_long_for_a_short_request_is_told_at_once() {
    assert_snapshot!(refused([("SERVER_REQUEST_TIMEOUT_SECS", "5")]), @r"
    error: SERVER_REQUEST_TIMEOUT_SECS must be more than DATABASE_COMMAND_TIMEOUT_SECS, which is 5 (default)
      --> environment
       |
       | SERVER_REQUEST_TIMEOUT_SECS=5
       |                             ^ Time a request may take before it is answered with 504; default 20
       = otherwise the request ends first, and its statement runs on for nobody
       = it must be more than DATABASE_POOL_TIMEOUT_SECS, which is 5 (default): otherwise the request ends first, with 504, where 503 would say that no connection was free
       = it must be at least HTTP_CLIENT_REQUEST_TIMEOUT_SECS, which is 15 (default), and HTTP_CLIENT_POOL_TIMEOUT_SECS, which is 5 (default), together: otherwise the request ends first, and nobody learns that the other service was slow

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
}
