// Addresses of tokens.

/** What is wrong with an address of a token; undefined when nothing is, or nothing was typed yet. */
export function mintProblem(text: string): string | undefined {
  const given = text.trim()
  if (given === '' || /^[1-9A-HJ-NP-Za-km-z]{32,44}$/.test(given)) return undefined
  return 'This is not the address of a token: it has 32 to 44 letters and digits.'
}
