import type { Dec } from '@/lib/decimal'

/** A column of `DataTable`. Cells are slots by the column's key, or `text`. */
export interface Column<Row> {
  key: string
  label: string
  align?: 'left' | 'right'
  /** What rows are sorted by; without it the column cannot be sorted. */
  by?: (row: Row) => string | number | Dec | null
  text?: (row: Row) => string
  /** It names the row. */
  heading?: boolean
  /** On a card: over the whole width, without its label (buttons). */
  bare?: boolean
  wide?: boolean
  /** Only where there is room, on a wide screen and on a card. */
  roomy?: boolean
}
