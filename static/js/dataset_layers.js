// Boxes, masks, labels and the class: chosen at once, without a button; the address keeps the choice.

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-layers]");
  if (form) form.requestSubmit();
});

function hideButtons() {
  for (const button of document.querySelectorAll("form[data-layers] button")) button.hidden = true;
}

hideButtons();
