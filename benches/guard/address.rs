//! How a serving process says where it listens, and the paths that it is asked on.

use std::net::SocketAddr;

/// The segment before the guard's paths by which it knows the API server.
pub const SECRET: &str = "0c6ac8a1f6b94d2c9a5e";

/// The path of an eviction's review.
pub const EVICTION: &str = "/0c6ac8a1f6b94d2c9a5e/validate/eviction";

/// Tells whoever started this process.
pub fn announce(address: SocketAddr) {
    println!("{address}");
}
