/**
 * What somebody sees is wrong with a page: words that are cut off, that nobody can read on their ground, or that are no words.
 * Runs in the browser; has no imports.
 */

/** Contrast below which a word cannot be read: half of what WCAG asks of large letters. */
const FAINT = 1.5;

/** Pixels that a letter may stand out by. */
const SLACK = 2;

function look() {
  const found = [];
  const walker = document.createTreeWalker(document.getElementById('root'), NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = node.textContent.trim();
    const own = node.parentElement;
    if (!text || !own.checkVisibility({ visibilityProperty: true, opacityProperty: true })) {
      continue;
    }
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    const where = `${titleOf(own)}: ${JSON.stringify(text.slice(0, 80))}`;
    if (/\bNaN\b|Infinity|undefined|\bnull\b/.test(text)) {
      found.push(`${where} is no value`);
    }
    const frame = clipping(own);
    if (frame && box.width > 0) {
      const bounds = frame.getBoundingClientRect();
      const beside = Math.max(box.right - bounds.right, bounds.left - box.left);
      const shortened = getComputedStyle(frame).textOverflow === 'ellipsis' && frame.scrollWidth > frame.clientWidth;
      if (beside > SLACK || shortened) {
        found.push(`${where} is cut`);
      }
    }
    const contrast = between(getComputedStyle(own).color, ground(own));
    if (contrast < FAINT) {
      found.push(`${where} can hardly be read: its contrast is ${contrast.toFixed(1)}`);
    }
  }
  return [...new Set(found)];
}

/** The title of the panel that an element is in. */
function titleOf(element) {
  const panel = element.closest('section');
  return panel?.querySelector('h2')?.textContent ?? panel?.getAttribute('aria-label') ?? 'board';
}

/** The nearest element around a word that it must not stand out of: a cell of a table, or what hides the rest and does not scroll. */
function clipping(element) {
  for (let one = element; one && one.id !== 'root'; one = one.parentElement) {
    const style = getComputedStyle(one);
    if (/columnheader|gridcell/.test(one.getAttribute('role') ?? '')) {
      return one;
    }
    if (/hidden|clip/.test(style.overflowX) && style.display !== 'inline') {
      return one;
    }
    if (/auto|scroll/.test(style.overflowX)) {
      return null;
    }
  }
  return null;
}

function ground(element) {
  for (let one = element; one; one = one.parentElement) {
    const colour = numbers(getComputedStyle(one).backgroundColor);
    if ((colour[3] ?? 1) > 0.5) {
      return colour;
    }
  }
  return [255, 255, 255];
}

function numbers(colour) {
  return (colour.match(/[\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
}

function between(colour, below) {
  const [one, other] = [numbers(colour), below].map(light).sort((a, b) => b - a);
  return (one + 0.05) / (other + 0.05);
}

function light([red, green, blue]) {
  const [r, g, b] = [red, green, blue].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
