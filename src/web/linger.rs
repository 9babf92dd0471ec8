//! The end of a connection. Decides that a socket is closed only when its peer has closed
//! too, or after a moment: closing over bytes that nobody has read makes the system send a
//! reset, and a reset can destroy the last answers on their way to the client.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, Join, ReadBuf, join};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::oneshot;

/// How long a peer may take to close after we did. Enough for a round trip and for a client
/// that is busy; it holds one of the server's connections.
const PATIENCE: Duration = Duration::from_secs(2);

/// A stream whose reading half comes back once it is dropped.
pub(super) type Lent = Join<Reads, OwnedWriteHalf>;

/// Where the reading half comes back to.
#[derive(Debug)]
pub(super) struct Ending(oneshot::Receiver<OwnedReadHalf>);

/// The reading half while it is lent.
#[derive(Debug)]
pub(super) struct Reads {
    /// Only a drop takes these.
    half: Option<OwnedReadHalf>,
    back: Option<oneshot::Sender<OwnedReadHalf>>,
}

/// Lends a stream to whoever serves it. Dropping the loan ends our side of the connection.
pub(super) fn lend(stream: TcpStream) -> (Lent, Ending) {
    let (reads, writes) = stream.into_split();
    let (back, ending) = oneshot::channel();
    let reads = Reads {
        half: Some(reads),
        back: Some(back),
    };
    (join(reads, writes), Ending(ending))
}

impl Ending {
    /// Reads what the peer still sends until it closes. Call after the loan was dropped.
    pub(super) async fn linger(self) {
        self.linger_for(PATIENCE).await;
    }

    async fn linger_for(mut self, patience: Duration) {
        let Ok(mut half) = self.0.try_recv() else {
            return;
        };
        let mut scrap = [0; 4096];
        let to_the_end = async { while matches!(half.read(&mut scrap).await, Ok(1..)) {} };
        // Whoever takes longer gets the reset.
        let _ = tokio::time::timeout(patience, to_the_end).await;
    }
}

impl AsyncRead for Reads {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.half {
            Some(half) => Pin::new(half).poll_read(context, buffer),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl Drop for Reads {
    fn drop(&mut self) {
        if let (Some(half), Some(back)) = (self.half.take(), self.back.take()) {
            // Nobody waits for it when the whole connection is dropped.
            let _ = back.send(half);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (ours, theirs) = tokio::join!(listener.accept(), TcpStream::connect(address));
        (ours.unwrap().0, theirs.unwrap())
    }

    /// Without lingering the peer would meet a reset in the middle of what it is sending.
    #[tokio::test]
    async fn a_peer_that_still_sends_gets_the_whole_answer() {
        let (ours, mut theirs) = pair().await;
        theirs.write_all(&vec![7; 100_000]).await.unwrap();
        let (mut lent, ending) = lend(ours);
        lent.write_all(b"no").await.unwrap();
        drop(lent);
        let lingering = tokio::spawn(ending.linger());
        theirs.write_all(&vec![7; 100_000]).await.unwrap();
        let mut answer = Vec::new();
        theirs.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"no");
        drop(theirs);
        lingering.await.unwrap();
    }

    #[tokio::test]
    async fn a_peer_that_never_closes_is_left() {
        let (ours, _theirs) = pair().await;
        let (lent, ending) = lend(ours);
        drop(lent);
        ending.linger_for(Duration::from_millis(20)).await;
    }
}
