//! Suggestions for a clip's post, from what the session says of its products.

use reprise_model::clip::Post;
use reprise_model::session::Product;

use reprise_ingest::is_picture;

/// Hashtags suggested at most; platforms cut long rows off.
const MAX_HASHTAGS: usize = 5;

/// Title, caption and hashtags for a clip of these products, the main one first. `brands` are the
/// session's; those of other products in `listed` are not for this clip.
pub fn suggest(products: &[&Product], brands: &[String], listed: &[Product]) -> Post {
    let Some(main) = products.first() else {
        return Post { title: "Highlight from our LIVE".to_owned(), ..Post::default() };
    };
    let price = main.price.map(|price| format!(", {price}")).unwrap_or_default();
    let mut points: Vec<&str> = Vec::new();
    // What only this product has comes first.
    for unique in [true, false] {
        points.extend(
            main.selling_points.iter().filter(|p| p.unique == unique).map(|p| p.text.as_str()),
        );
    }
    let mut caption = format!("{}{price}.", main.title);
    for point in points.into_iter().take(2) {
        let mut letters = point.trim_end_matches('.').chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        caption.push(' ');
        caption.extend(first.chain(letters));
        caption.push('.');
    }
    let mut hashtags: Vec<String> = Vec::new();
    let own = brands.iter().filter(|&brand| {
        let theirs = listed.iter().any(|product| product.brand.as_ref() == Some(brand));
        !is_picture(brand) && !theirs
    });
    let names = main.brand.iter().chain(own).map(String::as_str).chain([main.title.as_str()]);
    for name in names {
        let tag: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
        let tag = format!("#{tag}");
        if tag.chars().count() > 2 && !hashtags.contains(&tag) && hashtags.len() < MAX_HASHTAGS {
            hashtags.push(tag);
        }
    }
    Post {
        title: main.title.clone(),
        caption,
        hashtags,
        product_ids: products.iter().map(|product| product.id.clone()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use reprise_model::session::SellingPoint;

    use super::*;

    #[test]
    fn unique_points_come_first() {
        let point = |text: &str, unique| SellingPoint { text: text.to_owned(), unique };
        let product = Product {
            id: "p1".to_owned(),
            title: "Apple Juice".to_owned(),
            price: None,
            unit_cost: None,
            brand: Some("Acme".to_owned()),
            selling_points: vec![point("no sugar added", false), point("cold pressed.", true)],
            pictures: Vec::new(),
        };
        let other = Product { brand: Some("Zest".to_owned()), ..product.clone() };
        let brands = ["Zest", "Acme", "The Shop", "logo.png"].map(str::to_owned);
        let post = suggest(&[&product], &brands, &[product.clone(), other]);
        assert_eq!(post.caption, "Apple Juice. Cold pressed. No sugar added.");
        assert_eq!(post.hashtags, ["#Acme", "#TheShop", "#AppleJuice"]);
    }
}
