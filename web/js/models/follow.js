/** Whether the view keeps to the end of what grows. It yields as soon as the reader scrolls up, however little. */
const NEAR = 24;

export class Follow {
  on = true;
  #top = 0;
  #height = 0;

  /** After any scroll, by a hand or by us. What shrinks moves the view too, and that was no hand. */
  scrolled({ scrollTop, scrollHeight, clientHeight }) {
    if (scrollTop < this.#top - 1 && scrollHeight >= this.#height) this.on = false;
    else if (scrollHeight - scrollTop - clientHeight <= NEAR) this.on = true;
    this.#top = scrollTop;
    this.#height = scrollHeight;
    return this.on;
  }
}
