//! The command line: one file per command.

mod access;
mod audit;
mod backup;
mod build;
mod bundle;
mod check;
mod client;
mod compile;
mod completions;
mod config;
mod debug;
mod doctor;
mod follow;
mod foreign;
mod fsck;
mod gc;
mod import;
mod index;
mod install;
mod installation;
mod key;
mod lock;
mod login;
mod logout;
mod man;
mod mirror;
mod pip_reqs;
mod place;
mod progress;
mod publisher;
mod push;
mod quarantine;
mod ready;
mod rebuild;
mod recipe;
mod remote;
mod request;
mod requirements;
mod resolve;
mod restore;
mod search;
mod serve;
mod shadow;
mod signal;
mod status;
mod table;
mod target;
mod test;
mod token;
mod upload;
mod use_index;
mod user;
mod watch;
mod webhook;
mod wheelhouse;
mod who_has;
mod whoami;
mod worker;
mod yank;

use self::place::PlaceFlags;
use crate::config::LogFormat;
use crate::config::load::ResolvedConfig;
use crate::error::{Error, Result};
use clap::{CommandFactory as _, Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;

/// A private Python index, a caching mirror of PyPI and a builder of wheels.
///
/// Start with `wheelwright serve`, then `pip install -i http://127.0.0.1:3141/simple/ PACKAGE`.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    place: PlaceFlags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::ServeCommand),
    /// Build wheels, with a server or without
    Build(build::BuildCommand),
    /// Pin requirements and all their dependencies for one target
    Compile(compile::CompileCommand),
    /// Find a wheel for each pinned requirement; the server builds missing ones
    Resolve(resolve::ResolveCommand),
    /// Install exactly what a file says, as wheels only
    Install(install::InstallCommand),
    /// Build what lock files name for a new Python, and show what is missing
    Ready(ready::ReadyCommand),
    /// Show what is wrong with a lock file on an index
    Doctor(doctor::DoctorCommand),
    /// Build again what was built against another version of a build requirement
    Rebuild(rebuild::RebuildCommand),
    /// Say what a server would say to an upload of these files
    Check(check::CheckCommand),
    /// Run a project's tests for every target, and keep the results on its index
    Test(test::TestCommand),
    /// Build wheels for a server, on this machine
    Worker(worker::WorkerCommand),
    /// Find projects of a server by words
    Search(search::SearchCommand),
    /// Check that every file has its bytes and every blob its hash
    Fsck(fsck::FsckCommand),
    /// Remove bytes that no file, build or index needs
    Gc(gc::GcCommand),
    /// Verify and export the log of all changes
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Copy everything to a folder or a bucket, beside running servers
    Backup(backup::BackupCommand),
    /// Make an installation from a backup
    Restore(restore::RestoreCommand),
    /// Show on one screen how this installation is
    Status(status::StatusCommand),
    /// Log in to a server: commands then work there
    Login(login::LoginCommand),
    /// Revoke the token of a login, and forget it
    Logout(logout::LogoutCommand),
    /// Show who you are at a server
    Whoami(whoami::WhoamiCommand),
    /// Choose an index, and point pip and uv at it
    Use(use_index::UseCommand),
    /// Upload wheels and sdists to an index
    Upload(upload::UploadCommand),
    /// Yank a release, or take that back
    Yank(yank::YankCommand),
    /// Give a release of an index to another index
    Push(push::PushCommand),
    /// Manage accounts, passwords, groups and roles
    #[command(subcommand)]
    User(user::UserCommand),
    /// Say what people may do with an index, and why
    #[command(subcommand)]
    Access(access::AccessCommand),
    /// Manage indexes and their options
    #[command(subcommand)]
    Index(index::IndexCommand),
    /// Import from a devpi server, a folder or another index
    #[command(subcommand)]
    Import(import::ImportCommand),
    /// Carry releases to a server without a network: make bundles, check them, import them
    #[command(subcommand)]
    Bundle(bundle::BundleCommand),
    /// Make keys that sign bundles
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Stand before an old devpi server and compare its answers with those of a wheelwright
    Shadow(shadow::ShadowCommand),
    /// Manage the copies that mirrors keep
    #[command(subcommand)]
    Mirror(mirror::MirrorCommand),
    /// Manage API tokens
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Manage trusted publishers, which upload without a secret
    #[command(subcommand)]
    Publisher(publisher::PublisherCommand),
    /// Manage webhooks, which send events to others
    #[command(subcommand)]
    Webhook(webhook::WebhookCommand),
    /// Manage watched git repositories, whose tags become releases
    #[command(subcommand)]
    Watch(watch::WatchCommand),
    /// Decide what curated indexes list
    #[command(subcommand)]
    Request(request::CurationCommand),
    /// Take a bad project or version off all pages at once, and give it back
    Quarantine(quarantine::QuarantineCommand),
    /// Show who fetched a release or a file, and which lock files name it
    WhoHas(who_has::WhoHasCommand),
    /// Watch lock files, to know who depends on a release
    #[command(subcommand)]
    Lock(lock::LockCommand),
    /// Export an index as static pages, or publish it to a bucket
    #[command(subcommand)]
    Wheelhouse(wheelhouse::WheelhouseCommand),
    /// Show what this machine can build wheels for
    #[command(subcommand)]
    Target(target::TargetCommand),
    /// Show and check recipes, which say how to build difficult projects
    #[command(subcommand)]
    Recipe(recipe::RecipeCommand),
    /// Collect what helps somebody who helps you
    #[command(subcommand)]
    Debug(debug::DebugCommand),
    /// Show the configuration and where it comes from
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Print completions for a shell
    Completions(completions::CompletionsCommand),
    /// Write manual pages
    Man(man::ManCommand),
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == "inside") {
        return crate::worker::inside::main(arguments);
    }
    if pip_reqs::is_called(std::env::args_os().next().as_deref()) {
        return pip_reqs::run();
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return foreign(&error).unwrap_or_else(|| error.exit()),
    };
    if let Some(done) = cli.command.about_itself() {
        return done.unwrap_or_else(|error| fail(&error, 1));
    }
    // Fails only if one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (place, command) = (cli.place, cli.command);
    let (resolved, result) = match place.resolve(command.flags()) {
        Ok(resolved) => (resolved, runtime()),
        Err(error) => return fail(&error, 2),
    };
    log_to_stderr(&resolved);
    let result = match result {
        Ok(runtime) => runtime.block_on(command.run(place, resolved)),
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(code) => code,
        Err(error) => fail(&error, if matches!(error, Error::Usage(_)) { 2 } else { 1 }),
    }
}

/// Bytes of a thread's stack: a request that leads to a build, and that to others, is a deep one.
const STACK: usize = 8 << 20;

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().thread_stack_size(STACK).enable_all().build()
}

/// A command line that names no command of ours, but where it is.
#[derive(Debug, Parser)]
#[command(disable_help_subcommand = true)]
struct Foreign {
    #[command(flatten)]
    place: PlaceFlags,
    #[command(subcommand)]
    command: ForeignCommand,
}

#[derive(Debug, Subcommand)]
enum ForeignCommand {
    #[command(external_subcommand)]
    Named(Vec<OsString>),
}

/// Becomes the program of an unknown command, if there is one. It finds the flags before its name as variables.
fn foreign(error: &clap::Error) -> Option<ExitCode> {
    if error.kind() != clap::error::ErrorKind::InvalidSubcommand {
        return None;
    }
    let Foreign { place, command: ForeignCommand::Named(words) } = Foreign::try_parse().ok()?;
    let (name, arguments) = words.split_first()?;
    // The unknown word may come after a command of ours.
    let known =
        |own: &clap::Command| name == own.get_name() || own.get_all_aliases().any(|alias| name == alias);
    if name == "help" || Cli::command().get_subcommands().any(known) {
        return None;
    }
    foreign::run(name, arguments, &place.into_variables())
}

/// Says what went wrong: the end of a command with this exit status.
fn fail(error: &Error, code: u8) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::from(code)
}

impl Command {
    /// The name of a command that works on the machine of the data folder alone, or asks nobody.
    fn here_alone(&self) -> Option<&'static str> {
        Some(match self {
            Self::Serve(_) => "serve",
            Self::Key(_) => "key",
            Self::Fsck(_) => "fsck",
            Self::Gc(_) => "gc",
            Self::Audit(_) => "audit",
            Self::Backup(_) => "backup",
            Self::Restore(_) => "restore",
            Self::Debug(_) => "debug",
            Self::Status(_) => "status",
            Self::Config(_) => "config",
            Self::Target(_) => "target",
            Self::Import(_) => "import",
            Self::Mirror(_) => "mirror",
            Self::Wheelhouse(_) => "wheelhouse",
            _ => return None,
        })
    }

    /// The settings that were given as flags of the command.
    fn flags(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Serve(serve) => serve.flags(),
            Self::Build(build) => build.flags(),
            Self::Bundle(bundle) => bundle.flags(),
            Self::Recipe(recipe) => recipe.flags(),
            _ => Vec::new(),
        }
    }

    /// Runs a command about the program alone, which no configuration decides.
    fn about_itself(&self) -> Option<Result<ExitCode>> {
        match self {
            Self::Completions(completions) => Some(completions.run(Cli::command())),
            Self::Man(man) => Some(man.run(Cli::command())),
            _ => None,
        }
    }

    async fn run(self, place: PlaceFlags, resolved: ResolvedConfig) -> Result<ExitCode> {
        if let Some(name) = self.here_alone() {
            place.refuse_server(name)?;
        }
        match self {
            Self::Completions(completions) => completions.run(Cli::command()),
            Self::Man(man) => man.run(Cli::command()),
            Self::Serve(serve) => serve.run(resolved).await,
            Self::Build(build) => build.run(&place, resolved).await,
            Self::Compile(compile) => compile.run().await,
            Self::Resolve(resolve) => resolve.run().await,
            Self::Install(install) => install.run().await,
            Self::Ready(ready) => ready.run().await,
            Self::Doctor(doctor) => doctor.run().await,
            Self::Rebuild(rebuild) => rebuild.run().await,
            Self::Search(search) => search.run().await,
            Self::Check(check) => check.run(&resolved).await,
            Self::Test(test) => test.run().await,
            Self::Worker(worker) => worker.run(&resolved).await,
            Self::Bundle(bundle) => bundle.run(resolved).await,
            Self::Key(key) => key.run(),
            Self::Shadow(shadow) => shadow.run(&resolved).await,
            Self::Fsck(fsck) => fsck.run(resolved).await,
            Self::Gc(gc) => gc.run(resolved).await,
            Self::Audit(audit) => audit.run(resolved).await,
            Self::Backup(backup) => backup.run(resolved).await,
            Self::Restore(restore) => restore.run(resolved).await,
            Self::Debug(debug) => debug.run(resolved).await,
            Self::Status(status) => status.run(resolved).await,
            Self::Config(config) => config.run(&resolved),
            Self::Login(login) => login.run(&place).await,
            Self::Logout(logout) => logout.run(&place).await,
            Self::Whoami(whoami) => whoami.run(&place).await,
            Self::Use(chosen) => chosen.run(&place).await,
            Self::Upload(upload) => upload.run(&place, &resolved).await,
            Self::Yank(yank) => yank.run(&place.open(resolved).await?).await,
            Self::Push(push) => push.run(&place.open(resolved).await?).await,
            Self::Target(target) => target.run(resolved).await,
            Self::Recipe(recipe) => recipe.run(resolved).await,
            Self::User(user) => user.run(&place.open(resolved).await?).await,
            Self::Access(access) => access.run(&place.look(resolved).await?).await,
            Self::Index(index) => index.run(&place.open(resolved).await?).await,
            Self::Import(import) => import.run(&installation::own(resolved).await?).await,
            Self::Mirror(mirror) => mirror.run(&installation::own(resolved).await?).await,
            Self::Webhook(webhook) => webhook.run(&place.open(resolved).await?).await,
            Self::Watch(watch) => watch.run(&place.open(resolved).await?).await,
            Self::Request(request) => request.run(&place.open(resolved).await?).await,
            Self::Quarantine(quarantine) => quarantine.run(&place.open(resolved).await?).await,
            Self::WhoHas(who_has) => who_has.run(&place.look(resolved).await?).await,
            Self::Lock(lock) => lock.run(&place.open(resolved).await?).await,
            Self::Wheelhouse(house) => house.run(&installation::existing(resolved).await?).await,
            Self::Token(token) => token.run(&place.open(resolved).await?).await,
            Self::Publisher(publisher) => publisher.run(&place.open(resolved).await?).await,
        }
    }
}

fn log_to_stderr(resolved: &ResolvedConfig) {
    use tracing_subscriber::EnvFilter;
    let log = &resolved.config.log;
    let filter = EnvFilter::try_new(&log.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    // Postgres tells at each start that a table exists already.
    let filter = match ("sqlx=warn".parse(), log.filter.contains("sqlx")) {
        (Ok(directive), false) => filter.add_directive(directive),
        _ => filter,
    };
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Fails only if a subscriber is installed already.
    let _ = match log.format {
        LogFormat::Json => subscriber.json().try_init(),
        LogFormat::Text => subscriber.with_ansi(false).try_init(),
    };
}
