//! What every store must do, told on a folder and on S3.

use crate::kit::Server;
use crate::kit::backend::{Backend, on_both};
use bytes::Bytes;
use futures::TryStreamExt;
use wheelwright::error::Result;
use wheelwright::store::{Blob, BlobKey, SMALL, Store};

/// Bytes that do not repeat.
fn noise(size: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    std::iter::repeat_with(next).take(size).collect()
}

async fn read(blob: Blob) -> Result<Bytes> {
    match blob {
        Blob::Bytes(bytes) => Ok(bytes),
        Blob::Stream { size, stream } => {
            let all: Vec<Bytes> = stream.try_collect().await?;
            let all = Bytes::from(all.concat());
            assert_eq!(all.len() as u64, size);
            Ok(all)
        }
    }
}

async fn read_back(store: &Store, sha256: &str) -> Bytes {
    read(store.get(sha256, None).await.unwrap().expect("a blob")).await.unwrap()
}

/// The same bytes through a store that has cached nothing.
async fn reopened(server: &Server) -> Store {
    Store::open(&server.app.config).await.unwrap()
}

on_both! {
    async fn what_was_put_comes_back(server: Server) {
        let store = &server.app.store;
        for size in [0, 1, SMALL as usize, SMALL as usize + 1, 20 << 20] {
            let bytes = noise(size);
            let sha256 = store.put(bytes.clone()).await.unwrap();
            assert_eq!(sha256, BlobKey::of(&bytes).to_string());
            assert_eq!(store.size(&sha256).await.unwrap(), Some(size as u64));
            assert!(read_back(store, &sha256).await == bytes, "{size}");
            let cold = reopened(&server).await;
            assert!(read_back(&cold, &sha256).await == bytes, "{size} cold");
            assert_eq!(reopened(&server).await.size(&sha256).await.unwrap(), Some(size as u64));
        }
    }

    async fn a_spool_knows_its_digests_before_it_is_kept(server: Server) {
        let mut spool = server.app.store.spool().await.unwrap();
        spool.write(Bytes::from_static(b"hello ")).await.unwrap();
        spool.write(Bytes::from_static(b"world")).await.unwrap();
        let digests = spool.finish().await.unwrap();
        assert_eq!(digests.size, 11);
        assert_eq!(digests.md5, "5eb63bbbe01eeed093cb22bb8f5acdc3");
        assert_eq!(digests.sha256, "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9");
        assert_eq!(digests.blake2_256, "256c83b297114d201b30179f3f0ef0cace9783622da5974326b436178aeef610");
        assert_eq!(std::fs::read(spool.path()).unwrap(), b"hello world");
        assert_eq!(spool.bytes().map(|bytes| &bytes[..]), Some(&b"hello world"[..]));
        assert!(server.app.store.get(&digests.sha256, None).await.unwrap().is_none());

        let path = spool.path().to_owned();
        let sha256 = digests.sha256.clone();
        assert_eq!(server.app.store.keep(spool).await.unwrap(), digests);
        assert!(!path.exists());
        assert_eq!(read_back(&server.app.store, &sha256).await, "hello world");
    }

    async fn a_reader_may_follow_a_spool_that_is_being_written(server: Server) {
        let mut spool = server.app.store.spool().await.unwrap();
        let piece = noise(100_000);
        for pieces in 1..=12 {
            spool.write(piece.clone()).await.unwrap();
            spool.flush().await.unwrap();
            assert_eq!(std::fs::metadata(spool.path()).unwrap().len(), spool.size());
            assert_eq!(spool.size(), pieces * 100_000);
        }
        let whole = Bytes::from(piece.repeat(12));
        assert_eq!(spool.finish().await.unwrap().sha256, BlobKey::of(&whole).to_string());
    }

    async fn a_spool_that_is_dropped_leaves_nothing(server: Server) {
        let mut spool = server.app.store.spool().await.unwrap();
        spool.write(noise(3 << 20)).await.unwrap();
        spool.finish().await.unwrap();
        let path = spool.path().to_owned();
        assert!(path.exists());
        drop(spool);
        assert!(!path.exists());
    }

    async fn a_range_is_exactly_those_bytes(server: Server) {
        for size in [1000, 400_000u64] {
            let bytes = noise(size as usize);
            let sha256 = server.app.store.put(bytes.clone()).await.unwrap();
            let (warm, cold) = (&server.app.store, reopened(&server).await);
            for (start, end) in [(0, 1), (0, size), (5, 500), (size - 1, size), (10, size + 50), (size, size), (size + 5, size + 9)] {
                let want = bytes.slice(start.min(size) as usize..end.min(size) as usize);
                for store in [warm, &cold] {
                    let blob = store.get(&sha256, Some(start..end)).await.unwrap().expect("a blob");
                    assert!(read(blob).await.unwrap() == want, "{start}..{end} of {size}");
                }
            }
        }
    }

    async fn what_is_not_there_is_none(server: Server) {
        let store = &server.app.store;
        let nobody = BlobKey::of(b"nobody stored this").to_string();
        for name in [nobody.as_str(), "", "../../etc/passwd", &nobody.to_uppercase()] {
            assert!(store.get(name, None).await.unwrap().is_none(), "{name}");
            assert!(store.get(name, Some(0..5)).await.unwrap().is_none(), "{name}");
            assert_eq!(store.size(name).await.unwrap(), None, "{name}");
            assert!(store.cached(name).is_none(), "{name}");
        }
    }

    async fn the_same_bytes_twice_are_one_blob(server: Server) {
        let store = &server.app.store;
        let puts = futures::future::join_all((0..8).map(|_| store.put(noise(5000)))).await;
        let names: Vec<String> = puts.into_iter().map(|put| put.unwrap()).collect();
        assert!(names.iter().all(|name| *name == names[0]));
        let listed: Vec<_> = store.list().try_collect().await.unwrap();
        assert_eq!(listed.iter().filter(|entry| entry.key.to_string() == names[0]).count(), 1);
    }

    async fn a_listing_tells_name_size_and_age(server: Server) {
        let store = &server.app.store;
        let before = wheelwright::tools::time::now();
        let names = [store.put(noise(10)).await.unwrap(), store.put(noise(300_000)).await.unwrap()];
        let listed: Vec<_> = store.list().try_collect().await.unwrap();
        for (name, size) in names.iter().zip([10, 300_000]) {
            let entry = listed.iter().find(|entry| entry.key.to_string() == *name).expect("listed");
            assert_eq!(entry.size, size);
            // File systems and HTTP dates round to a second.
            assert!((before - 2_000_000..=wheelwright::tools::time::now() + 2_000_000).contains(&entry.modified));
        }
    }

    async fn what_is_removed_is_gone_from_every_cache(server: Server) {
        let store = &server.app.store;
        for size in [100, 400_000] {
            let sha256 = store.put(noise(size)).await.unwrap();
            read_back(store, &sha256).await;
            let key = BlobKey::parse(&sha256).unwrap();
            assert!(store.remove_older(key, i64::MAX).await.unwrap());
            assert!(store.cached(&sha256).is_none());
            assert!(store.get(&sha256, None).await.unwrap().is_none());
            assert_eq!(store.size(&sha256).await.unwrap(), None);
            assert!(!store.remove_older(key, i64::MAX).await.unwrap());
        }
    }

    async fn bytes_that_rotted_are_found(server: Server) {
        for size in [2000, 400_000] {
            let bytes = noise(size);
            let sha256 = server.app.store.put(bytes.clone()).await.unwrap();
            let key = BlobKey::parse(&sha256).unwrap();
            assert_eq!(server.app.store.verify(key).await.unwrap(), Some(true));
            let file = stored_file(&server, &sha256);
            let mut rotten = bytes.to_vec();
            rotten[size / 2] ^= 1;
            std::fs::write(&file, &rotten).unwrap();
            assert_eq!(server.app.store.verify(key).await.unwrap(), Some(false));
        }
        assert_eq!(server.app.store.verify(BlobKey::of(b"nobody")).await.unwrap(), None);
    }
}

fn stored_file(server: &Server, sha256: &str) -> std::path::PathBuf {
    match &server.company {
        Some(company) => company.s3.object(sha256),
        None => server.data.path().join("blobs").join(&sha256[..2]).join(&sha256[2..]),
    }
}

#[tokio::test]
async fn a_small_or_mapped_blob_is_warm_after_one_read() {
    let server = Server::start().await;
    for size in [1000, 5 << 20] {
        let sha256 = server.app.store.put(noise(size)).await.unwrap();
        let store = reopened(&server).await;
        assert!(store.cached(&sha256).is_none());
        read_back(&store, &sha256).await;
        assert!(store.cached(&sha256).expect("warm") == noise(size));
    }
}

#[tokio::test]
async fn storing_a_rotten_blob_again_heals_it() {
    let server = Server::start().await;
    let sha256 = server.app.store.put(noise(1000)).await.unwrap();
    std::fs::write(stored_file(&server, &sha256), b"rotten").unwrap();
    assert_eq!(server.app.store.put(noise(1000)).await.unwrap(), sha256);
    assert_eq!(server.app.store.verify(BlobKey::parse(&sha256).unwrap()).await.unwrap(), Some(true));
}

#[tokio::test]
async fn a_bucket_that_returns_other_bytes_is_never_believed() {
    let server = Server::start_on(Backend::Company).await;
    for size in [1000, 400_000] {
        let bytes = noise(size);
        let sha256 = server.app.store.put(bytes.clone()).await.unwrap();
        let mut rotten = bytes.to_vec();
        rotten[0] ^= 1;
        std::fs::write(stored_file(&server, &sha256), &rotten).unwrap();
        let cold = reopened(&server).await;
        let outcome = match cold.get(&sha256, None).await {
            Ok(blob) => read(blob.expect("a blob")).await,
            Err(error) => Err(error),
        };
        assert!(outcome.is_err(), "{size}");
        assert!(cold.cached(&sha256).is_none(), "{size}");
    }
}

#[tokio::test]
async fn a_presigned_url_gives_the_file_to_who_has_no_secret() {
    let server = Server::start_on_with(Backend::Company, |config| config.s3.redirect = true).await;
    let (store, bytes) = (&server.app.store, noise(400_000));
    let sha256 = store.put(bytes.clone()).await.unwrap();
    let url = store.presigned(&sha256, "demo-1.0.tar.gz", 400_000).await.unwrap().expect("a URL");
    let answer = server.http.get(url.clone()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-disposition"], "attachment; filename=\"demo-1.0.tar.gz\"");
    assert!(answer.bytes().await.unwrap() == bytes);

    let other = url.as_str().replace("demo-1.0", "demo-2.0");
    assert_eq!(server.http.get(other).send().await.unwrap().status(), 403);
    assert!(store.presigned(&sha256, "demo-1.0.tar.gz", 1000).await.unwrap().is_none());
}

#[tokio::test]
async fn a_wrong_secret_is_refused_at_the_start() {
    let server = Server::start_on(Backend::Company).await;
    let mut config = server.app.config.clone();
    config.s3.secret_access_key = Some("a guess".into());
    let error = Store::open(&config).await.err().expect("no store").to_string();
    assert!(error.contains("cannot use the storage s3://wheels/some/prefix"), "{error}");
}
