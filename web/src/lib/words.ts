// Words for the codes of the API, as a newcomer reads them.

const CLOSE_REASONS: Record<string, string> = {
  manual: 'Closed by hand',
  stop_loss: 'Stop loss',
  take_profit: 'Take profit',
  stale_trade: 'Went nowhere',
  write_off: 'Written off (token is dead)',
  panic: 'Panic exit',
  external: 'Sold outside of Nexgent',
  signal_replace: 'Replaced by a new signal',
}

/** Why a position was closed. */
export const closeReason = (code: string | null): string => (code === null ? 'Unknown' : (CLOSE_REASONS[code] ?? code))

/** "SOME_CODE" and "someName" as words: "Some code", "Some name". */
export function spelled(code: string): string {
  const words = code
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replace(/[_-]+/g, ' ')
    .toLowerCase()
  return words.charAt(0).toUpperCase() + words.slice(1)
}
