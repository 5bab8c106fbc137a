// What a recorded transaction was, in words.
import type { Transaction } from '@/api/types'

const SOL_MINT = 'So11111111111111111111111111111111111111112'

export type TransactionKind = 'deposit' | 'withdrawal' | 'buy' | 'average_down' | 'partial_sale' | 'sale'

const NAMES: Record<TransactionKind, string> = {
  deposit: 'Deposit',
  withdrawal: 'Taken out',
  buy: 'Bought',
  average_down: 'Bought more',
  partial_sale: 'Sold a part',
  sale: 'Sold',
}

export function kindOf(transaction: Transaction): TransactionKind {
  if (transaction.transactionType === 'DEPOSIT') return 'deposit'
  if (transaction.transactionType === 'BURN') return 'withdrawal'
  if (transaction.inputMint === SOL_MINT) return transaction.isDca ? 'average_down' : 'buy'
  return transaction.isTakeProfit ? 'partial_sale' : 'sale'
}

export const kindName = (transaction: Transaction): string => NAMES[kindOf(transaction)]

/** The token that was traded; null for deposits and withdrawals of SOL. */
export function tokenOf(transaction: Transaction): { mint: string; symbol: string | null } | null {
  const sides = [
    { mint: transaction.inputMint, symbol: transaction.inputSymbol },
    { mint: transaction.outputMint, symbol: transaction.outputSymbol },
  ]
  for (const { mint, symbol } of sides) if (mint !== null && mint !== SOL_MINT) return { mint, symbol }
  return null
}
