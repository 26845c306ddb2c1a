import { type Random, random } from 'wgrad/data'

const subjects =
  'film|movie|story|plot|acting|script|music|ending|director|cast|dialogue|camera work|first half|sequel'.split('|')
const good =
  'moving|funny|brilliant|charming|superb|clever|gripping|warm|beautiful|fresh|touching|delightful|honest|thrilling'.split(
    '|',
  )
const bad =
  'dull|boring|clumsy|tedious|awful|flat|silly|lifeless|predictable|pointless|ugly|stale|annoying|shallow'.split('|')
const degrees = ['', '', 'very ', 'truly ', 'rather ', 'quite ', 'remarkably ']
const openings = ['', '', 'in the end ', 'for once ', 'to be fair , ', 'all in all ', 'i must say ']

function pick<T>(from: readonly T[], draw: Random): T {
  return from[draw.below(from.length)] as T
}

/** A clause that praises or not, with a negation now and then. */
function clause(isGood: boolean, draw: Random): string {
  const subject = `the ${pick(subjects, draw)}`
  const isNegated = draw.below(4) === 0
  const word = pick(isGood !== isNegated ? good : bad, draw)
  if (isNegated) return `${subject} is ${pick(['not', 'never', 'hardly'], draw)} ${word}`
  return pick(
    [
      `${subject} is ${pick(degrees, draw)}${word}`,
      `a ${word} ${pick(subjects, draw)}`,
      `${subject} feels ${pick(degrees, draw)}${word} and ${pick(isGood ? good : bad, draw)}`,
    ],
    draw,
  )
}

/** Short reviews with their classes, as lines of a text, a tab and a class. After a "but" the second part decides. */
export function writeReviews(count: number): string {
  const draw = random(7)
  const lines = Array.from({ length: count }, () => {
    const isGood = draw.below(2) === 1
    const own = clause(isGood, draw)
    const text = draw.below(4) === 0 ? `${clause(!isGood, draw)} but ${own}` : `${pick(openings, draw)}${own}`
    return `${text}\t${isGood ? 'positive' : 'negative'}`
  })
  return lines.join('\n')
}
