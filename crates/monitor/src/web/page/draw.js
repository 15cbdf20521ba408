// What draws texts, numbers, lists and tables. Every text is set as text (textContent): nothing of a cluster or of traffic is
// ever markup.

export const find = (id) => document.getElementById(id);

// ---- words and numbers

const UNITS = ["B", "kB", "MB", "GB", "TB"];

export function bytes(count) {
  let unit = 0;
  while (count >= 999.5 && unit < UNITS.length - 1) {
    count /= 1000;
    unit += 1;
  }
  return `${count < 10 && unit > 0 ? count.toFixed(1) : Math.round(count)} ${UNITS[unit]}`;
}

export const speed = (count) => `${bytes(count)}/s`;

export function span(milliseconds) {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

export const clock = (time) => new Date(time).toLocaleTimeString([], { hour12: false });
export const many = (count, one, more) => `${count} ${count === 1 ? one : more}`;
export const words = (name) => name.replaceAll("_", " ");

// ---- drawing

export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

// Draws a list into an element, one child for each item: children are made once and changed where they differ.
export function draw(parent, items, create, update) {
  while (parent.children.length > items.length) parent.lastElementChild.remove();
  items.forEach((item, at) => {
    const child = parent.children[at] ?? parent.appendChild(create());
    update(child, item);
  });
}

// A table whose rows one walks through with the keyboard.
export class Table {
  constructor(table, columns, open) {
    this.table = table;
    this.columns = columns;
    this.open = open;
    this.body = table.tBodies[0];
    this.rows = new Map();
    this.current = null; // the key of the row that has the focus, or would get it
    this.body.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("click", (event) => {
      const row = event.target.closest("tr");
      if (row) this.choose(row, true);
    });
    this.body.addEventListener("focusin", (event) => this.choose(event.target.closest("tr"), false));
  }

  head(sort) {
    const row = this.table.tHead.rows[0];
    for (const column of this.columns) {
      const cell = make("th", column.className);
      cell.scope = "col";
      if (column.sort) {
        const button = make("button", "", column.title);
        button.type = "button";
        button.addEventListener("click", () => sort(column));
        cell.append(button);
      } else {
        cell.textContent = column.title;
      }
      row.append(cell);
    }
  }

  showSort(name, descending) {
    this.columns.forEach((column, at) => {
      const cell = this.table.tHead.rows[0].cells[at];
      if (column.sort === name) cell.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    });
  }

  // Draws the rows in this order. One that is there already stays the same element, so it keeps the focus.
  draw(items, key, tone) {
    const known = this.rows;
    this.rows = new Map();
    const hadFocus = this.body.contains(document.activeElement);
    let place = this.body.firstElementChild;
    for (const item of items) {
      const name = key(item);
      const row = known.get(name) ?? this.create(name);
      known.delete(name);
      this.rows.set(name, row);
      row.item = item;
      row.dataset.tone = tone(item);
      this.columns.forEach((column, at) => put(row.cells[at], column.text(item)));
      if (row === place) place = place.nextElementSibling;
      else this.body.insertBefore(row, place);
    }
    for (const row of known.values()) row.remove();
    if (!this.rows.has(this.current)) this.current = this.rows.keys().next().value ?? null;
    for (const [name, row] of this.rows) row.tabIndex = name === this.current ? 0 : -1;
    if (hadFocus && !this.body.contains(document.activeElement)) this.rows.get(this.current)?.focus();
  }

  create(name) {
    const row = make("tr");
    row.key = name;
    for (const column of this.columns) row.append(make("td", column.className));
    return row;
  }

  select(name) {
    for (const [key, row] of this.rows) row.setAttribute("aria-selected", String(key === name));
  }

  choose(row, open) {
    this.current = row.key;
    for (const other of this.rows.values()) other.tabIndex = other === row ? 0 : -1;
    if (open) {
      row.focus();
      this.open(row.item);
    }
  }

  step(by) {
    const rows = [...this.body.rows];
    if (rows.length === 0) return;
    const at = rows.findIndex((row) => row.key === this.current);
    const focused = this.body.contains(document.activeElement);
    rows[focused ? Math.max(0, Math.min(rows.length - 1, at + by)) : Math.max(0, at)].focus();
  }

  key(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };
    if (event.key in steps) this.step(steps[event.key]);
    else if (event.key === "Enter" || event.key === " ") this.open(event.target.closest("tr").item);
    else return;
    event.preventDefault();
  }
}
