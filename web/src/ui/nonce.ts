// The nonce that the server put into this page: styles that components make need it under the page's policy. Browsers hide it from
// everything but scripts, which read it as a property.
const nonce = document.querySelector<HTMLScriptElement>('script[nonce]')?.nonce ?? '';

export const pageNonce = (): string => nonce;
