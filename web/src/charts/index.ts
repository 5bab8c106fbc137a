// Charts are loaded when the first of them is shown.
import { later } from '@/lib/later'

export const LineChart = later(() => import('@/charts/LineChart.vue'))
export const CandleChart = later(() => import('@/charts/CandleChart.vue'))
