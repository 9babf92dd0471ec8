//! A webhook's server as an API server meets it: over TLS, with both protocols. No review is
//! lost to a new certificate, a shutdown or a panic, and no client gets more than its share.

mod clients;
mod limits;
mod pki;
mod reload;
mod scene;
mod shutdown;
mod unable;
