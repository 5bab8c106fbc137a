// Addresses of pages that more than one place links to.

/** The chart of a token. The symbol is for the heading, as long as nobody holds the token. */
export const tokenPath = (mint: string, symbol: string | null): string =>
  `#/tokens/${encodeURIComponent(mint)}${symbol ? `?symbol=${encodeURIComponent(symbol)}` : ''}`
