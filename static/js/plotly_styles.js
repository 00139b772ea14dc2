// Lets Plotly draw under a policy that allows no inline styles. A classic script, deferred before Plotly's own.
//
// Plotly writes its rules into <style> elements, and some styles as attributes. Both count as inline; the same rules
// in a constructed sheet, and the same styles set by property, do not: they can only come from a script that runs.
(() => {
  const createElement = document.createElement.bind(document);
  document.createElement = (name, options) => {
    if (String(name).toLowerCase() !== "style") return createElement(name, options);
    const stand = createElement("template");
    const sheet = new CSSStyleSheet();
    document.adoptedStyleSheets.push(sheet);
    Object.defineProperty(stand, "sheet", { value: sheet });
    return stand;
  };

  const setAttribute = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function (name, value) {
    if (this.style && String(name).toLowerCase() === "style") {
      this.style.cssText = value;
    } else {
      setAttribute.call(this, name, value);
    }
  };
})();
