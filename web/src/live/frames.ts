// Frames of the WebSocket, as the service writes them.
import type { Decimal } from '@/lib/decimal'

/** An open position as frames show it. The last group is only in snapshots. */
export interface PositionFrame {
  id: string
  agentId: string
  walletAddress: string
  tokenAddress: string
  tokenSymbol: string
  purchasePrice: Decimal
  purchaseAmount: Decimal
  totalInvestedSol: Decimal
  remainingAmount: Decimal | null
  realizedProfitSol: Decimal
  currentStopLossPercentage: Decimal | null
  peakPrice: Decimal | null
  lowestPrice: Decimal | null
  dcaCount: number
  takeProfitLevelsHit: number
  totalTakeProfitLevels: number | null
  tpBatchStartLevel: number
  moonBagActivated: boolean
  moonBagAmount: Decimal | null
  createdAt: string
  updatedAt: string
  /** What the part that is held has cost; in frames of changes it stands beside the position. */
  costBasisSol?: Decimal
  currentPrice?: Decimal
  positionValueSol?: Decimal
  profitLossSol?: Decimal
  version?: number
}

export interface PriceUpdate {
  mint: string
  price: Decimal
  priceUsd: Decimal
}

interface Numbered {
  epoch: string
  seq: number
}

export type Frame =
  | { type: 'connected'; data: Numbered & { agentId: string; timestamp: string; resumed: boolean } }
  | { type: 'initial_data'; data: Numbered & { positions: PositionFrame[]; timestamp: string } }
  | {
      type: 'position_update'
      data: Numbered & { eventType: string; version: number; costBasisSol?: Decimal; position?: PositionFrame; positionId?: string }
    }
  | { type: 'price_update_batch'; data: { updates: PriceUpdate[]; timestamp: string } }
  | { type: 'ping' | 'pong'; timestamp: string }
  | { type: 'error'; data: { message: string } }
  | { type: 'subscribed'; data: { agentId: string } }
