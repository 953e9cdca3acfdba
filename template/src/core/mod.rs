//! Infrastructure without business names, itself a tower: each module uses only those below it.
