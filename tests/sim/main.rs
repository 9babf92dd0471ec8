//! stub
fn main() { println!("{}", xtrinode::core::guard::time::Time::default()); }
