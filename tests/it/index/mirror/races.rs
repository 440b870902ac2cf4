//! Two who ask for the same cold thing: whoever pauses anywhere on the way costs no second request.

use super::Story;
use crate::kit::upstream::noise;
use std::future::Future;
use std::pin::Pin;

/// More steps than there are waits before an upstream is asked.
const STEPS: usize = 24;

/// Lets `future` take so many steps, each once what it waits for may have come.
async fn advance<F: Future>(future: &mut Pin<Box<F>>, steps: usize) -> Option<F::Output> {
    for _ in 0..steps {
        if let std::task::Poll::Ready(done) = futures::poll!(&mut *future) {
            return Some(done);
        }
        // The database answers from threads of its own: a round trip gives them time.
        tokio::task::spawn_blocking(std::thread::yield_now).await.unwrap();
    }
    None
}

#[tokio::test]
async fn one_who_pauses_before_a_cold_page_while_another_gets_it_asks_no_more() {
    let story = Story::start().await;
    for steps in 0..STEPS {
        let project = format!("six{steps}");
        story.upstream.add(&format!("{project}-1.0-py3-none-any.whl"), noise(1, 100));
        let mut slow = Box::pin(story.page(&project));
        let early = advance(&mut slow, steps).await;
        assert!(story.page(&project).await.unwrap().is_some());
        if early.is_none() {
            assert!(slow.await.unwrap().is_some());
        }
        assert_eq!(story.upstream.asked(&format!("/simple/{project}/")), 1, "paused after {steps} steps");
    }
}

#[tokio::test]
async fn one_who_pauses_before_a_cold_file_while_another_gets_it_downloads_no_more() {
    let story = Story::start().await;
    for steps in 0..STEPS {
        let project = format!("six{steps}");
        let filename = format!("{project}-1.0-py3-none-any.whl");
        let bytes = noise(1, 100 + steps);
        story.upstream.add(&filename, bytes.clone());
        let located = story.only(&project).await;
        let mut slow = Box::pin(story.download(&located));
        let early = advance(&mut slow, steps).await;
        assert!(story.download(&located).await.unwrap() == bytes);
        if early.is_none() {
            assert!(slow.await.unwrap() == bytes);
        }
        assert_eq!(story.upstream.asked(&format!("/files/{filename}")), 1, "paused after {steps} steps");
    }
}
