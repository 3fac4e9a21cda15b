"""What was kept whole is kept as documents."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("compat", "0010_payloads_to_documents")]

    operations = [migrations.DeleteModel(name="RecordPayload")]
