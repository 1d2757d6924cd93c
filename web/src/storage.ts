// What the browser keeps of the page's settings. Where it may keep nothing (site data is blocked), that lives as long as
// the page.
class Kept {
  private readonly own = new Map<string, string>();
  constructor(private readonly browsers: () => Storage) {}

  getItem(name: string): string | null {
    const mine = this.own.get(name);
    if (mine !== undefined) return mine;
    try {
      return this.browsers().getItem(name);
    } catch {
      return null;
    }
  }

  setItem(name: string, value: string) {
    try {
      this.browsers().setItem(name, value);
      this.own.delete(name);
    } catch {
      this.own.set(name, value);
    }
  }

  removeItem(name: string) {
    this.own.delete(name);
    try {
      this.browsers().removeItem(name);
    } catch {
      // nothing is there
    }
  }
}

export const settings = new Kept(() => localStorage);
export const session = new Kept(() => sessionStorage);
