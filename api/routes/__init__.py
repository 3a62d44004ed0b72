"""HTTP routes: they translate, they do not think."""
