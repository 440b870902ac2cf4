//! x
use wheelwright::db::{Db, Tx, events::NewEvent};
#[tokio::main]
async fn main() {
    let url = std::env::args().nth(1).unwrap();
    let db = Db::open(&url).await.unwrap();
    for writers in [1usize, 8] {
        let start = std::time::Instant::now();
        let mut tasks = vec![];
        for w in 0..writers {
            let db = db.clone();
            tasks.push(tokio::spawn(async move {
                let mut n = 0u64; let mut worst = 0;
                while start.elapsed().as_secs() < 4 {
                    let s = std::time::Instant::now();
                    let tx = Tx::begin(&db).await.unwrap();
                    let d = format!("{w}-{n}");
                    tx.commit(NewEvent { who: "x", what: "upload", index: Some("a/b"), project: Some("p"), detail: Some(&d) }).await.unwrap();
                    n += 1; worst = worst.max(s.elapsed().as_micros());
                }
                (n, worst)
            }));
        }
        let mut n = 0; let mut worst = 0;
        for t in tasks { let (a, b) = t.await.unwrap(); n += a; worst = worst.max(b); }
        println!("{writers} writers: {:.0} commits/s, worst {worst} us", n as f64 / start.elapsed().as_secs_f64());
    }
}
