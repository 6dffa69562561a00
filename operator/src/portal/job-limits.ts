// Bounds that the portal and its pages have to agree on. Must not need anything, for pages load it.

/** Jobs that one call stops or deletes at most; a page asks again for the rest. */
export const mostEndings = 100;
