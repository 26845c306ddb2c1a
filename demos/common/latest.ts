/** Asks again and again, one question at a time; of those that come meanwhile only the last counts. */
export class Latest<Q, R> {
  private readonly ask: (question: Q) => Promise<R>
  private readonly show: (answer: R) => void
  private readonly drop: (question: Q) => void
  private next: { readonly question: Q } | null = null
  private isAsking = false

  /** An `ask` that rejects shows nothing; `drop` gets the questions that are not asked. */
  constructor(
    ask: (question: Q) => Promise<R>,
    show: (answer: R) => void,
    drop: (question: Q) => void = () => undefined,
  ) {
    this.ask = ask
    this.show = show
    this.drop = drop
  }

  /** Asks, now or after what is being asked. */
  put(question: Q): void {
    this.clear()
    this.next = { question }
    if (!this.isAsking) void this.run()
  }

  /** Forgets what has not been asked. */
  clear(): void {
    if (this.next) this.drop(this.next.question)
    this.next = null
  }

  private async run(): Promise<void> {
    this.isAsking = true
    while (this.next) {
      const asked = this.next
      this.next = null
      const answer = await this.ask(asked.question).then(
        (found) => ({ found }),
        () => null,
      )
      if (answer) this.show(answer.found)
    }
    this.isAsking = false
  }
}
