import { type MatmulTile, quickestTile, type TileQuestion } from './matmul-kernels.ts'

// More rows would push each other out of the cache where they lie a power of two apart.
const ROWS = [16, 8, 4]
const COLUMNS = [8, 4, 2, 1]

/** Outputs per thread: on GPUs what registers hold, on software what is compiled in the time that the work is worth. */
function largestTile({ rows, columns, batches, depth, isSoftware }: TileQuestion): number {
  const multiplyAdds = rows * columns * batches * depth
  if (!isSoftware) return 32
  return multiplyAdds < 2 ** 16 ? 16 : multiplyAdds < 2 ** 20 ? 32 : multiplyAdds < 2 ** 27 ? 64 : 128
}

/** The tile of least estimated time for threads that swap in fours. */
export function quadTile(question: TileQuestion): MatmulTile {
  const largest = largestTile(question)
  const groups = question.isSoftware ? [16, 8, 4] : [64, 32]
  const tiles = groups.flatMap((group) =>
    ROWS.flatMap((tm) =>
      COLUMNS.filter((tn) => tm * tn <= largest).map((tn): MatmulTile => {
        const wx = Math.max(4, Math.min(group, 4 * Math.ceil(question.columns / tn / 4)))
        return { tm, tn, wx, wy: 1, quads: true }
      }),
    ),
  )
  return quickestTile(tiles, question)
}
