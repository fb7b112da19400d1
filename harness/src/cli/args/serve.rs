//! Arguments of `serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueHint};

const NOTES: &str = "\
With h1 and h2 together a connection speaks whichever its client begins with. HTTP/3 listens on the UDP port of the same
number, and always with TLS: without --tls-cert a certificate is made for localhost. TCP has TLS where --tls-cert is given.

SIGINT and SIGTERM let the requests there are be answered; a second one ends the program at once.";

/// Arguments of `serve`.
#[derive(Debug, Clone, Args)]
#[command(after_help = NOTES)]
pub struct ServeArgs {
    /// The engine
    #[arg(long, value_name = "B")]
    pub backend: String,
    /// When callers are acknowledged: disabled, aggressive, local, remote
    #[arg(long, value_name = "M", default_value = "local")]
    pub mode: String,
    /// What acknowledged data must survive [default: the strongest tier the engine reaches]
    #[arg(long, value_name = "T")]
    pub durability: Option<String>,
    /// Where to listen; port 0 asks the system for one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8734")]
    pub listen: SocketAddr,
    /// Which protocols: h1, h2, h3
    #[arg(long, value_name = "LIST", default_value = "h1,h2")]
    pub protocol: String,
    /// Where to store: absent, empty, or used by slotbench before [default: temporary]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub data_dir: Option<PathBuf>,
    /// A JSON Web Key that signs assignments [default: wallet.json in the data directory, made when it is not there]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub wallet: Option<PathBuf>,
    /// A certificate chain, PEM
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// A bundler's address, for http://ADDR/tx; mode remote needs one
    #[arg(long, value_name = "ADDR")]
    pub bundler: Option<SocketAddr>,
    /// Schedule for any process, also one whose definition is not known or names another scheduler
    #[arg(long)]
    pub any_process: bool,
}
