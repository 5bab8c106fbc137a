// Files that the browser saves.

/** What a long download is told, and what it tells. */
export interface Transfer {
  signal: AbortSignal
  /** So many bytes of the present file are here. */
  received: (bytes: number) => void
  /** So many files of all are done. */
  file: (done: number, total: number) => void
}

export const sizeText = (bytes: number): string => (bytes < 1e6 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`)

/** Let the browser save something under a name. */
export function saveFile(content: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(content)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}

/** "nexgent-signals-2026-11-29.csv": what it is, and the day. */
export function fileName(parts: readonly string[], extension: string): string {
  const safe = parts.map((part) => part.replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '')).filter(Boolean)
  return `nexgent-${[...safe, new Date().toLocaleDateString('en-CA')].join('-')}.${extension}`
}

export const localZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone
