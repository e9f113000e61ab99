//! Generators of small datasets, each with what a designer must not fall for.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use stats::Rng;

fn save(folder: &Path, text: &str) {
    fs::write(folder.join("data.csv"), text).expect("writes");
}

/// The time some hours after the beginning of 2021.
fn hour(n: usize) -> String {
    let day = n / 24;
    let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let (mut left, mut year, mut month) = (day, 2021, 0);
    while left >= lengths[month] {
        left -= lengths[month];
        month += 1;
        if month == 12 {
            (month, year) = (0, year + 1);
        }
    }
    format!(
        "{year}-{:02}-{:02} {:02}:00:00",
        month + 1,
        left + 1,
        n % 24
    )
}

fn day(n: usize) -> String {
    hour(24 * n)[..10].to_owned()
}

/// Four stations by the hour, with gaps in the values and in the rows.
pub(crate) fn stations(folder: &Path) {
    let mut rng = Rng::new(1);
    let mut text = "time,north,south,east,west\n".to_owned();
    for n in 0..1600 {
        if n % 400 == 399 {
            continue;
        }
        let _ = write!(text, "{}", hour(n));
        for station in 0..4 {
            let level = 20.0 + 5.0 * f64::from(station);
            let phase = 2.0 * std::f64::consts::PI * (n as f64 / 24.0 + 0.1 * f64::from(station));
            let value = level + 6.0 * phase.sin() + rng.normal();
            if rng.uniform() < 0.01 {
                text.push(',');
            } else {
                let _ = write!(text, ",{value:.2}");
            }
        }
        text.push('\n');
    }
    save(folder, &text);
}

/// One series by the day with a holiday that is known and a temperature that
/// is not.
pub(crate) fn demand(folder: &Path) {
    let mut rng = Rng::new(2);
    let mut text = "date,holiday,temperature,demand\n".to_owned();
    for n in 0..700 {
        let holiday = u8::from(n % 37 == 5);
        let temperature = 10.0 + 8.0 * (n as f64 / 58.0).sin() + rng.normal();
        let week = if n % 7 < 5 { 20.0 } else { 0.0 };
        let value =
            100.0 + week - 1.5 * temperature - 15.0 * f64::from(holiday) + 3.0 * rng.normal();
        let _ = writeln!(text, "{},{holiday},{temperature:.1},{value:.1}", day(n));
    }
    save(folder, &text);
}

/// Three stores below each other.
pub(crate) fn stores(folder: &Path) {
    let mut rng = Rng::new(3);
    let mut text = "store,date,promo,sales\n".to_owned();
    for store in ["alpha", "beta", "gamma"] {
        let level = 50.0 + 30.0 * rng.uniform();
        for n in 0..600 {
            let promo = u8::from(rng.uniform() < 0.2);
            let week = 10.0 * (2.0 * std::f64::consts::PI * n as f64 / 7.0).sin();
            let sales = level + week + 12.0 * f64::from(promo) + 4.0 * rng.normal();
            let _ = writeln!(text, "{store},{},{promo},{sales:.0}", day(n));
        }
    }
    save(folder, &text);
}

/// Houses: an identifier in the order of prices, words, missing values,
/// copies, and a tax that is a function of the price.
pub(crate) fn houses(folder: &Path) {
    let mut rng = Rng::new(4);
    let mut rows = Vec::new();
    for _ in 0..500 {
        let area = 40.0 + 160.0 * rng.uniform();
        let rooms = (area / 30.0).round() + (rng.uniform() * 2.0).floor();
        let district = ["north", "south", "harbour"][rng.index(3)];
        let age = (rng.uniform() * 90.0).floor();
        let price = 2000.0 * area + 9000.0 * rooms - 500.0 * age + 20_000.0 * rng.normal();
        let price = price.round();
        let age = if rng.uniform() < 0.1 {
            String::new()
        } else {
            age.to_string()
        };
        let tax = (0.012 * price).powf(1.1);
        rows.push((
            price,
            format!("{area:.1},{rooms},{district},{age},{tax:.2}"),
        ));
    }
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    for n in 0..40 {
        rows.push(rows[n * 7].clone());
    }
    let mut text = "house_id,area,rooms,district,age,tax,price\n".to_owned();
    for (n, (price, row)) in rows.iter().enumerate() {
        let _ = writeln!(text, "{},{row},{price}", 1000 + n);
    }
    save(folder, &text);
}

/// Customers who leave, one in five.
pub(crate) fn churn(folder: &Path) {
    let mut rng = Rng::new(5);
    let mut text = "tenure,plan,calls,spend,churn\n".to_owned();
    for _ in 0..600 {
        let tenure = (rng.uniform() * 60.0).floor();
        let plan = ["basic", "plus", "none"][rng.index(3)];
        let calls = (rng.uniform() * 10.0).floor();
        let spend = 20.0 + 50.0 * rng.uniform();
        let risk = 0.3 * calls - 0.05 * tenure + rng.normal();
        let churn = if risk > 1.2 { "yes" } else { "no" };
        let _ = writeln!(text, "{tenure},{plan},{calls},{spend:.2},{churn}");
    }
    save(folder, &text);
}

/// A total that is the sum of two columns.
pub(crate) fn sums(folder: &Path) {
    let mut rng = Rng::new(6);
    let mut text = "wind,warmth,casual,registered,total\n".to_owned();
    for _ in 0..400 {
        let (wind, warmth) = (10.0 * rng.uniform(), 30.0 * rng.uniform());
        let casual = (5.0 * warmth + 30.0 * rng.uniform()).round();
        let registered = (200.0 - 8.0 * wind + 60.0 * rng.uniform()).round();
        let total = casual + registered;
        let _ = writeln!(text, "{wind:.2},{warmth:.2},{casual},{registered},{total}");
    }
    save(folder, &text);
}

/// A total that is a weighted sum of three columns, to a hair.
pub(crate) fn weighted(folder: &Path) {
    let mut rng = Rng::new(7);
    let mut text = "p,q,r,s,total\n".to_owned();
    for _ in 0..400 {
        let p = (rng.uniform() * 1000.0).round() / 10.0;
        let q = (rng.uniform() * 1000.0).round() / 10.0;
        let r = (rng.uniform() * 1000.0).round() / 10.0;
        let total = 2.5 * p - 1.5 * q + 0.5 * r + 7.0;
        let _ = writeln!(
            text,
            "{p},{q},{r},{:.2},{total:.3}",
            total + 90.0 * rng.normal()
        );
    }
    save(folder, &text);
}

/// Flats that were listed again with numbers a little different.
pub(crate) fn relisted(folder: &Path) {
    let mut rng = Rng::new(8);
    let mut text = "area,height,light,noise,price\n".to_owned();
    for n in 0..420 {
        let area = 30.0 + 100.0 * rng.uniform();
        let (height, light, noise) = (
            50.0 * rng.uniform(),
            9.0 * rng.uniform(),
            80.0 * rng.uniform(),
        );
        let price = 3000.0 * area + 800.0 * height + 30_000.0 * rng.normal() + 100_000.0;
        for copy in 0..if n % 4 == 0 { 2 } else { 1 } {
            let shift = 0.0002 * f64::from(copy);
            let _ = writeln!(
                text,
                "{:.4},{:.4},{:.4},{:.4},{:.0}",
                area + shift,
                height + shift,
                light + shift,
                noise + shift,
                price + f64::from(copy)
            );
        }
    }
    save(folder, &text);
}

/// Measurements in regions that each have one altitude.
pub(crate) fn regions(folder: &Path) {
    let mut rng = Rng::new(9);
    let mut text = "region,pressure,warmth,altitude\n".to_owned();
    let altitudes: Vec<f64> = (0..40).map(|_| (2000.0 * rng.uniform()).round()).collect();
    for _ in 0..600 {
        let region = rng.index(40);
        let altitude = altitudes[region];
        let pressure = 1013.0 - 0.1 * altitude + 25.0 * rng.normal();
        let warmth = 20.0 - 0.006 * altitude + 4.0 * rng.normal();
        let _ = writeln!(text, "R{region:02},{pressure:.1},{warmth:.1},{altitude}");
    }
    save(folder, &text);
}

fn words(rng: &mut Rng, class: usize, count: usize) -> String {
    let own = [
        ["ship", "harbour", "sail", "anchor"],
        ["seed", "soil", "harvest", "plough"],
    ];
    let common = [
        "the", "a", "old", "new", "and", "under", "over", "near", "stone", "cloud", "winter",
        "river", "quiet", "bright", "long", "short", "hand", "light", "door", "road",
    ];
    let mut text = Vec::new();
    for _ in 0..count {
        let word = if rng.uniform() < 0.12 {
            own[class][rng.index(4)]
        } else {
            common[rng.index(common.len())]
        };
        text.push(word);
    }
    text.join(" ")
}

/// Texts of two topics with exact and edited copies, in folders or with a
/// file of labels.
pub(crate) fn topics(folder: &Path, labelled: bool) {
    let mut rng = Rng::new(10);
    let mut labels = "file,label\n".to_owned();
    let mut before = String::new();
    for n in 0..160 {
        let class = n % 2;
        let mut text = words(&mut rng, class, 40);
        if n % 20 == 2 {
            text.clone_from(&before);
        } else if n % 20 == 4 {
            text = format!("{before} once more");
        }
        if class == 0 {
            before.clone_from(&text);
        }
        let name = ["sea", "field"][class];
        let place = folder.join("texts");
        if labelled {
            fs::create_dir_all(&place).expect("creates");
            fs::write(place.join(format!("{n:03}.txt")), &text).expect("writes");
            let _ = writeln!(labels, "{n:03}.txt,{name}");
        } else {
            fs::create_dir_all(place.join(name)).expect("creates");
            fs::write(place.join(name).join(format!("{n:03}.txt")), &text).expect("writes");
        }
    }
    if labelled {
        fs::write(folder.join("texts/labels.csv"), labels).expect("writes");
    }
}

/// A few short texts without labels.
pub(crate) fn notes(folder: &Path) {
    let mut rng = Rng::new(11);
    fs::create_dir_all(folder.join("texts")).expect("creates");
    for n in 0..30 {
        let text = words(&mut rng, n % 2, 60);
        fs::write(folder.join(format!("texts/{n}.txt")), text).expect("writes");
    }
}

/// Longer texts without labels; some are there twice, a third of them with
/// another beginning. One is no UTF-8.
pub(crate) fn library(folder: &Path) {
    let mut rng = Rng::new(15);
    fs::create_dir_all(folder.join("texts/more")).expect("creates");
    let mut before = String::new();
    for n in 0..40 {
        let mut text = format!(
            "Chapter {n}\r\n\r\n\"{}\",\r\n",
            words(&mut rng, n % 2, 300)
        );
        if n % 8 == 3 {
            text.clone_from(&before);
        } else if n % 8 == 5 {
            text = format!("Once more, {before}");
        }
        before.clone_from(&text);
        let shelf = ["texts", "texts/more"][n % 2];
        fs::write(folder.join(format!("{shelf}/{n}.txt")), text).expect("writes");
    }
    fs::write(folder.join("texts/latin.txt"), b"caf\xe9 ".repeat(300)).expect("writes");
}

/// One long text, with a few letters beyond ASCII.
pub(crate) fn novel(folder: &Path) {
    let mut rng = Rng::new(16);
    let mut text = String::new();
    for n in 0..80 {
        let _ = writeln!(
            text,
            "Über die Brücke {n}: {}.\n",
            words(&mut rng, n % 2, 120)
        );
    }
    fs::write(folder.join("novel.txt"), text).expect("writes");
}

/// Measurements at irregular times, with two columns beside them.
pub(crate) fn ozone(folder: &Path) {
    let mut rng = Rng::new(12);
    let mut text = "taken,wind,radiation,ozone\n".to_owned();
    let mut at = 0;
    for _ in 0..400 {
        at += 1 + rng.index(9);
        let (wind, radiation) = (9.0 * rng.uniform(), 300.0 * rng.uniform());
        let ozone = 40.0 + 0.1 * radiation - 2.0 * wind + 5.0 * rng.normal();
        let _ = writeln!(text, "{},{wind:.1},{radiation:.0},{ozone:.1}", hour(at));
    }
    save(folder, &text);
}

/// Leaves of four kinds, and a number for each kind beside it.
pub(crate) fn leaves(folder: &Path) {
    let mut rng = Rng::new(13);
    let mut text = "width,length,code,kind\n".to_owned();
    for _ in 0..400 {
        let kind = rng.index(4);
        let width = 3.0 + kind as f64 + rng.normal();
        let length = 9.0 - kind as f64 + rng.normal();
        let name = ["ash", "birch", "elm", "oak"][kind];
        let _ = writeln!(text, "{width:.2},{length:.2},{},{name}", 7 * kind + 3);
    }
    save(folder, &text);
}

/// Messages in a column, some of them sent again with a few more words.
pub(crate) fn spam(folder: &Path) {
    let mut rng = Rng::new(14);
    let mut text = "message,label\n".to_owned();
    let mut before = String::new();
    for n in 0..240 {
        let class = n % 2;
        let message = if n % 12 == 2 {
            format!("{before} and so on")
        } else {
            words(&mut rng, class, 30)
        };
        if class == 0 {
            before.clone_from(&message);
        }
        let _ = writeln!(text, "{message},{}", ["ham", "spam"][class]);
    }
    save(folder, &text);
}
