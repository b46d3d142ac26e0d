import { call, onSubmit, show } from "/static/page.js";

const form = document.getElementById("invitation");
const password = document.getElementById("password");
// In the fragment, which browsers do not send: no log has it.
const token = location.hash.slice(1);

document.getElementById("show").addEventListener("change", (event) => {
  password.type = event.target.checked ? "text" : "password";
});

onSubmit(form, async (fields) => {
  const user = await call("POST", "/api/v1/invitations:accept", {
    body: { token, password: fields.get("password") },
    // Who is logged in with this browser has nothing to do with who is invited.
    credentials: "omit",
  });
  history.replaceState(null, "", location.pathname);
  form.reset();
  form.hidden = true;
  document.getElementById("email").textContent = user.email;
  document.getElementById("done").hidden = false;
  document.getElementById("done-title").focus();
});

if (!token) {
  form.hidden = true;
  show("This link is not whole. Open it again from the message that it came with.");
}
