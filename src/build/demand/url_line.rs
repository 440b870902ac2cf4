//! Lines that are URLs: a repository or an archive becomes a source, and the source a wheel.
//!
//! Who sends such a line makes this server fetch what it names. Anonymous askers reach public
//! addresses that way and nothing else; whoever is logged in also reaches the private hosts that an
//! administrator named (`private_hosts`), as with `POST /+builds`.

use super::Demand;
use super::failures::NoWheel;
use crate::build::queue::{Ask, Priority, Upload, Wanted};
use crate::build::target::Target;
use crate::db::builds::BuildId;
use crate::error::{Error, Result};
use crate::git::Address;
use crate::names::ProjectName;
use crate::packaging::filename::{SdistFilename, WheelFilename, candidates};
use crate::packaging::lines::{DirectUrl, LogicalLine};
use crate::packaging::version::Version;
use crate::tools::pace::Meter;
use crate::tools::time::now;
use crate::upstream::client::{Trust, UpstreamClient, UpstreamSource as Upstream, shown, unexpected};
use crate::upstream::guard::Guard;
use crate::words::{BuildSource, BuildState, SourceKind};
use crate::{bad, forbidden, timed_out};
use futures::StreamExt;
use http::{HeaderMap, Method};
use std::collections::BTreeSet;
use std::time::Duration;
use url::Url;

/// The longest that one archive may take.
const LONGEST: Duration = Duration::from_secs(900);

/// A wheel for a line.
#[derive(Clone, Debug)]
pub struct LineWheel {
    pub name: ProjectName,
    pub version: Version,
    pub sha256: String,
    /// Absolute on the web, or below the server's root with a `/` in front.
    pub url: String,
}

/// Whether the line is for this target.
pub fn applies(place: &DirectUrl, target: &Target) -> bool {
    place.marker.as_ref().is_none_or(|marker| marker.holds(&target.markers, &BTreeSet::new()))
}

/// The wheel of such a line, built if need be; or why there is none.
///
/// # Errors
/// `Bad` if the line is not written as it must be.
pub async fn wheel(
    demand: &Demand<'_>,
    line: &LogicalLine,
    place: &DirectUrl,
) -> Result<Result<LineWheel, NoWheel>> {
    let Some(name) = &place.name else {
        return Err(bad!(
            "line {}: {} does not name a project: write {}#egg=NAME==VERSION",
            line.number,
            line.text,
            place.url
        ));
    };
    let found = match place.filename().filter(|filename| filename.ends_with(".whl")) {
        Some(filename) => remote_wheel(demand, place, &filename).await,
        None => built(demand, place, name).await,
    };
    Ok(match found {
        Ok(Ok(made)) => fits(place, name, made),
        Ok(Err(why)) => Err(why),
        // One line's failure is told among the others'.
        Err(error @ (Error::Internal(_) | Error::Full(_))) => return Err(error),
        Err(error) => Err(NoWheel::Text(error.to_string())),
    })
}

/// What came out must be what the line says.
fn fits(place: &DirectUrl, name: &ProjectName, made: LineWheel) -> Result<LineWheel, NoWheel> {
    match &place.version {
        _ if made.name != *name => Err(NoWheel::Text(format!("it is {}, not {name}", made.name))),
        Some(version) if *version != made.version => Err(NoWheel::Text(format!(
            "it has version {}, not {version}: write #egg={name}=={}",
            made.version, made.version
        ))),
        _ => Ok(made),
    }
}

async fn built(
    demand: &Demand<'_>,
    place: &DirectUrl,
    name: &ProjectName,
) -> Result<Result<LineWheel, NoWheel>> {
    let (context, target) = (demand.context(), demand.target());
    let wanted = match place.is_repository() {
        true => repository(demand, place, name).await?,
        false => Wanted::Upload(archive(demand, place).await?),
    };
    let index = context.first().ok_or_else(|| bad!("the URL does not name an index"))?.clone();
    let ask = Ask {
        targets: vec![target.name.clone()],
        set: context,
        ..Ask::wheels(wanted, index, Priority::Waiting)
    };
    let id = demand.queue.ask(demand.who, &ask).await?.first().copied();
    let id = id.ok_or_else(|| Error::internal(anyhow::anyhow!("no worker builds for {}", target.name)))?;
    wait(demand, id).await
}

async fn wait(demand: &Demand<'_>, id: BuildId) -> Result<Result<LineWheel, NoWheel>> {
    let build = demand.queue.wait(id, Duration::from_secs(demand.config.proxy.wait)).await?;
    let wheel = match (build.state, &build.wheel) {
        (BuildState::Built, Some(wheel)) => wheel,
        (BuildState::Failed, _) => return Ok(Err(NoWheel::Failed(Box::new(build)))),
        _ => return Ok(Err(NoWheel::Runs(Some(id)))),
    };
    let named = WheelFilename::parse(&wheel.filename)?;
    let filename = crate::packaging::filename::encode_segment(&wheel.filename);
    Ok(Ok(LineWheel {
        name: named.name,
        version: named.version,
        sha256: wheel.sha256.clone(),
        url: format!("/+builds/{id}/wheel/{}/{filename}", wheel.sha256),
    }))
}

async fn repository(demand: &Demand<'_>, place: &DirectUrl, name: &ProjectName) -> Result<Wanted> {
    let url = place.without_egg();
    let address = Address::parse(&url)?;
    if address.has_secret() {
        return Err(bad!("the URL contains a password or a token, which the server would store: remove it"));
    }
    let inside = demand.who.user.is_some();
    if !inside {
        public_host(&address).await?;
    }
    Ok(Wanted::Repository { url, project: Some(name.clone()), inside })
}

/// Strangers send us to public addresses alone.
async fn public_host(address: &Address) -> Result<()> {
    let Some((host, port)) = address.host() else {
        return Err(forbidden!("a server does not clone repositories from its own disk"));
    };
    if address.is_ssh() {
        // It would be asked with this server's own keys.
        return Err(forbidden!("the server clones over ssh only for users: log in, or write git+https"));
    }
    match Guard::public().addresses(&host, port).await {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Err(forbidden!(
            "{host} is an address of the internal network: the server fetches from there only for users. Log \
             in"
        )),
        // What can not be resolved is git's to complain about; what it connects to is looked at again.
        _ => Ok(()),
    }
}

/// An archive, fetched and kept.
async fn archive(demand: &Demand<'_>, place: &DirectUrl) -> Result<Upload> {
    let filename = place.filename().ok_or_else(|| bad!("its URL does not end with a file name"))?;
    let (sha256, origin) = fetched(demand, place).await?;
    let user = demand.asker();
    let size = demand.queue.store().size(&sha256).await?.unwrap_or_default();
    demand.queue.db().keep_source(&sha256, &user, &filename, size, now()).await?;
    let named = candidates(&filename).iter().any(|name| SdistFilename::parse_for(name, &filename).is_ok());
    let kind = if named { SourceKind::Sdist } else { SourceKind::Tree };
    let subdirectory = subdirectory(place)?;
    Ok(Upload {
        sha256,
        source: BuildSource { kind, filename, origin, subdirectory, ..BuildSource::default() },
    })
}

/// A wheel that is somewhere else: read here for what it is, downloaded by the client from there.
async fn remote_wheel(
    demand: &Demand<'_>,
    place: &DirectUrl,
    filename: &str,
) -> Result<Result<LineWheel, NoWheel>> {
    let target = demand.target();
    let named = WheelFilename::parse(filename)?;
    if target.accepts(filename).is_none() {
        return Ok(Err(NoWheel::Text(format!("{filename} does not fit {}", target.name))));
    }
    let (sha256, _) = fetched(demand, place).await?;
    let url = place.url.expose().split('#').next().unwrap_or_default().to_owned();
    Ok(Ok(LineWheel { name: named.name, version: named.version, sha256, url }))
}

/// The folder below the archive's top.
fn subdirectory(place: &DirectUrl) -> Result<String> {
    let fragment = place.url.expose().split_once('#').map(|(_, fragment)| fragment).unwrap_or_default();
    let pairs = url::form_urlencoded::parse(fragment.as_bytes());
    let folder = pairs.filter(|(key, _)| key == "subdirectory").map(|(_, value)| value.into_owned()).next();
    let folder = folder.unwrap_or_default().trim_matches('/').to_owned();
    match folder.split('/').any(|part| part == "..") || folder.len() > 500 {
        true => Err(bad!("the subdirectory {folder:?} is not inside the archive")),
        false => Ok(folder),
    }
}

/// Fetches what is at a URL, from where the asker may have us fetch, into the store: its sha256, and the URL as
/// it may be shown.
async fn fetched(demand: &Demand<'_>, place: &DirectUrl) -> Result<(String, String)> {
    let url = Url::parse(place.url.expose()).map_err(|error| bad!("{}: {error}", place.url))?;
    if url.password().is_some() || !url.username().is_empty() {
        return Err(bad!("the URL contains a password or a token, which the server would store: remove it"));
    }
    let asker = demand.asker();
    let _turn = demand.quota.fetches.take(&asker).await?;
    demand.queue.may_keep(&asker).await?;
    let client = UpstreamClient::new(demand.config)?;
    let trust = if demand.who.user.is_some() { Trust::Account } else { Trust::Stranger };
    // No host is the named one, so every one is looked at.
    let nobody = Url::parse("http://nobody.invalid/").map_err(Error::internal)?;
    let answer = client.send(&Upstream::new(&nobody, trust), Method::GET, &url, &HeaderMap::new()).await?;
    if !answer.status().is_success() {
        return Err(unexpected(&url, answer.status()));
    }
    let most = demand.queue.largest();
    let mut spool = demand.queue.store().spool().await?;
    let mut pieces = answer.bytes_stream();
    let mut meter = Meter::new(demand.config.mirror.pace());
    let until = tokio::time::Instant::now() + LONGEST;
    loop {
        let piece = tokio::time::timeout_at(until, meter.wait(pieces.next())).await;
        let slow = || timed_out!("{} arrives too slowly (setting mirror.slowest)", shown(&url));
        let Some(piece) = piece.map_err(|_| slow())?.map_err(|_| slow())? else { break };
        let piece = piece.map_err(|error| crate::upstream::client::failure(&url, &error))?;
        meter.came(piece.len() as u64);
        if spool.size() + piece.len() as u64 > most {
            return Err(Error::TooLarge(format!("it is larger than {most} bytes (setting limits.upload)")));
        }
        spool.write(piece).await?;
    }
    let sha256 = spool.finish().await?.sha256;
    if let Some(told) = place.sha256.as_ref().filter(|told| **told != sha256) {
        return Err(bad!("its sha256 is {sha256}, not {told}"));
    }
    demand.queue.store().keep(spool).await?;
    Ok((sha256, shown(&url)))
}
