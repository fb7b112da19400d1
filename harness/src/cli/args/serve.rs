//! Arguments of `serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueHint};

const NOTES: &str = "\
With h1 and h2 together a connection speaks whichever its client begins with. HTTP/3 listens on the UDP port of the same
number, and always with TLS: without --tls-cert a certificate is made for localhost. TCP has TLS where --tls-cert is given.

With a chain of engines, such as redb,rocksdb, the first is written. What it does not have is read from the others. A
schedule is read from the first engine that has any slot of it, so a process that is in a later one should not be
continued here.

A process that names another scheduler is answered from there: its URL is a hint beside the process id or the scheduler's
address, or that of the scheduler's location record, posted to /~scheduler@1.0/location or found at the gateway.
With hints on, whoever may ask this node can make it ask any URL: turn them off where it sees hosts that its clients do not.

SIGINT and SIGTERM let the requests there are be answered; a second one ends the program at once.";

/// Arguments of `serve`.
#[derive(Debug, Clone, Args)]
#[command(after_help = NOTES)]
pub struct ServeArgs {
    /// The engine, or several with commas between them: the first is written, all are read
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
    /// Other nodes.
    #[command(flatten)]
    pub network: NetworkArgs,
}

/// Arguments of `serve` about other nodes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Other nodes")]
pub struct NetworkArgs {
    /// Where others reach this node: what its location record says [default: the address it listens on]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// A gateway whose GraphQL knows location records
    #[arg(long, value_name = "URL")]
    pub gateway: Option<String>,
    /// Who is told of a new location record of this node
    #[arg(long, value_name = "URL,...", value_delimiter = ',')]
    pub notify: Vec<String>,
    /// Whose signature changes this node's location record, besides its own
    #[arg(long, value_name = "ADDRESS,...", value_delimiter = ',')]
    pub operator: Vec<String>,
    /// Ask the schedulers of other processes (on), or send clients there with a 307 (off)
    #[arg(long, value_name = "on|off", default_value = "on")]
    pub follow_redirects: String,
    /// Follow URLs beside process ids and scheduler addresses
    #[arg(long, value_name = "on|off", default_value = "on")]
    pub follow_hints: String,
    /// Most bytes of other nodes' schedules that are cached; 0 caches none
    #[arg(long, value_name = "SIZE", default_value = "256MiB")]
    pub foreign_cache: String,
    /// Cache what others answered after the client has it, not before
    #[arg(long, value_name = "on|off", default_value = "on")]
    pub cache_in_background: String,
    /// Certificates, PEM, that vouch for https URLs, such as /etc/ssl/certs/ca-certificates.crt; without it none are asked
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub trust: Option<PathBuf>,
    /// How pages for application/aos-2 are written: legacy, or capital as the reference node does
    #[arg(long, value_name = "SHAPE", default_value = "legacy")]
    pub aos2: String,
}
