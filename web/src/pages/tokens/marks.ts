import type { Marker } from '@/api/types'

/** What happened to a token: in the chart, and in full. */
export const MARK_NAMES: Record<Marker['kind'], { short: string; long: string }> = {
  signal: { short: 'Signal', long: 'Signal' },
  entry: { short: 'Buy', long: 'Bought' },
  average_down: { short: 'Buy more', long: 'Bought more at a lower price' },
  partial_sale: { short: 'Part', long: 'Sold a part' },
  exit: { short: 'Sell', long: 'Sold' },
}
