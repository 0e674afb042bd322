//! `picture.*`: advice on how the picture looks. Nothing of it is measured by this version.

use super::{Answer, Look};

/// `picture.sharp`: a sharp picture.
pub(super) fn picture_sharp(_: &Look<'_>) -> Answer {
    Answer::unknown("sharpness is not measured by this version")
}

/// `picture.steady`: a steady picture.
pub(super) fn picture_steady(_: &Look<'_>) -> Answer {
    Answer::unknown("shake is not measured by this version")
}
