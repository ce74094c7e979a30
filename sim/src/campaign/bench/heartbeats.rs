//! The least that a cluster can do: five machines that tell each other four times in 200 ms that they are there, on the bare
//! simulator. What it costs is what no other code could save.

use std::{net::SocketAddr, time::Duration};

use madsim::{net::Endpoint, runtime::Runtime, time::sleep};

const MACHINES: u8 = 5;
const INTERVAL: Duration = Duration::from_millis(50);
const PORT: u16 = 7_000;
const TAG: u64 = 1;

/// Simulates so much time.
pub(super) fn beat(time: Duration) {
    let runtime = Runtime::with_seed_and_config(1, madsim::Config::default());
    runtime.block_on(async move {
        for number in 1..=MACHINES {
            let machine = madsim::runtime::Handle::current()
                .create_node()
                .name(format!("machine-{number}"))
                .ip(address(number).ip())
                .build();
            machine.spawn(live(number));
        }
        sleep(time).await;
    });
}

fn address(number: u8) -> SocketAddr {
    ([10, 0, 0, number], PORT).into()
}

async fn live(number: u8) {
    let endpoint = Endpoint::bind(address(number)).await.expect("a machine of its own");
    let hearing = async {
        let mut bytes = [0; 8];
        while endpoint.recv_from(TAG, &mut bytes).await.is_ok() {}
    };
    let telling = async {
        loop {
            for other in (1..=MACHINES).filter(|&other| other != number) {
                // Who does not listen yet does at the next beat.
                let _ = endpoint.send_to(address(other), TAG, &[number; 8]).await;
            }
            sleep(INTERVAL).await;
        }
    };
    tokio::join!(hearing, telling);
}
